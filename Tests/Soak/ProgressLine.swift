import Glibc

/// The progress in the last line of a terminal. Not shown in a pipe or a file.
enum ProgressLine {
    private static let isTerminal = isatty(STDERR_FILENO) == 1

    static func show(_ text: String) { if isTerminal { put("\r\u{1b}[2K\(text.prefix(width - 1))") } }

    /// Makes room for a line that stays.
    static func clear() { if isTerminal { put("\r\u{1b}[2K") } }

    private static func put(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress!, $0.count) }
    }

    private static var width: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
    }
}
