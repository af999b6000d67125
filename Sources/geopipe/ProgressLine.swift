import Glibc
import Platform

/// A status line on a terminal for work that takes longer than a second.
final class ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let start = nanoseconds()
    private var isShown = false

    func show(_ text: String) {
        guard isTerminal, nanoseconds() - start > 1_000_000_000 else { return }
        write("\r\u{1b}[K\(text) ...")
        isShown = true
    }

    func clear() {
        if isShown { write("\r\u{1b}[K") }
        isShown = false
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
