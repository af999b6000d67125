import CLinux
import Glibc

/// Shows lines on the whole terminal, once a second, and leaves the terminal as it was.
struct Screen {
    /// Returns when a signal asks for the end, such as Ctrl-C, or the terminal is gone.
    ///
    /// - Parameter lines: what to show; each may have colours.
    func show(_ lines: () -> [String]) {
        // The signals are waited for: none interrupts a line half-way, and each ends or suspends cleanly.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH] { sigaddset(&signals, number) }
        var before = sigset_t()
        pthread_sigmask(SIG_BLOCK, &signals, &before)
        begin()
        loop: while true {
            guard draw(lines(), Terminal.size.lines) else { break }
            var timeout = timespec(tv_sec: 1, tv_nsec: 0)
            switch sigtimedwait(&signals, nil, &timeout) {
            case SIGWINCH, -1: continue
            case SIGTSTP:
                end()
                kill(getpid(), SIGSTOP)
                begin()
            default: break loop
            }
        }
        end()
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }

    /// Another screen than that of the shell, without a cursor.
    private func begin() { _ = put("\u{1b}[?1049h\u{1b}[?25l") }

    private func end() { _ = put("\u{1b}[?25h\u{1b}[?1049l") }

    /// - Returns: false if the terminal is gone.
    private func draw(_ lines: [String], _ height: Int) -> Bool {
        var shown = lines
        if shown.count >= height {
            shown = shown.prefix(max(0, height - 2)) + ["... and \(lines.count - max(0, height - 2)) more lines"]
        }
        // Each line replaces the one before it, so that nothing flickers; a line that is too long is cut.
        return put("\u{1b}[?7l\u{1b}[H" + shown.map { "\($0)\u{1b}[K\r\n" }.joined() + "\u{1b}[J\u{1b}[?7h")
    }

    private func put(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
