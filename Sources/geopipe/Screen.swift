import CLinux
import Glibc

/// The whole terminal at standard output. It is restored however the program ends.
///
/// There is at most one at a time, used on one thread.
final class Screen {
    enum Event {
        /// A typed ASCII character.
        case key(UInt8)
        /// The terminal was resized, or shows something else.
        case changed
        /// The other descriptor is readable or closed.
        case ready
        /// A signal such as Ctrl-C asks the program to end, or the terminal is gone.
        case ended
    }

    enum Key {
        static let tab = UInt8(ascii: "\t")
        static let escape: UInt8 = 0x1b
    }

    /// A private open file description, so that non-blocking mode affects no other process.
    private let output: CInt
    /// Output that the terminal has not accepted yet.
    private var pending: [UInt8] = []
    /// The keyboard; -1 if there is none.
    private var input: CInt
    private var isGone = false
    private let signals: CInt
    private var watched = sigset_t()
    private var blockedBefore = sigset_t()

    init() {
        output = open("/proc/self/fd/\(STDOUT_FILENO)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        input = isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : -1
        // A background process must stop here until it is in the foreground, as if it had read a key.
        while input >= 0, !Restoration.isInForeground { raise(SIGTTIN) }
        // Signals are polled: none interrupts output half-way, and each ends or suspends cleanly.
        sigemptyset(&watched)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH] { sigaddset(&watched, number) }
        pthread_sigmask(SIG_BLOCK, &watched, &blockedBefore)
        signals = signalfd(-1, &watched, CInt(SFD_CLOEXEC | SFD_NONBLOCK))
        Restoration.afterFaults()
        begin()
    }

    /// Restores the terminal.
    func leave() {
        end()
        pthread_sigmask(SIG_SETMASK, &blockedBefore, nil)
        close(signals)
        if output >= 0 { close(output) }
    }

    /// Whether the terminal has accepted all output.
    var isFree: Bool { pending.isEmpty }

    /// Writes a text with control sequences, without waiting for the terminal.
    func show(_ text: String) {
        // Synchronized output, if the terminal supports it; long lines are cut.
        pending += Array("\u{1b}[?2026h\u{1b}[?7l\(text)\u{1b}[?7h\u{1b}[?2026l".utf8)
        flush()
    }

    /// Waits for events.
    ///
    /// - Parameters:
    ///   - milliseconds: the maximum time.
    ///   - descriptor: a descriptor to watch in addition to the keyboard.
    func events(within milliseconds: Int, or descriptor: CInt? = nil) -> [Event] {
        if isGone { return [.ended] }
        var polled = [
            pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            // In the background, after a signal, this process must not read.
            pollfd(fd: Restoration.isInForeground ? input : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: pending.isEmpty ? -1 : writable, events: Int16(POLLOUT), revents: 0),
        ]
        guard poll(&polled, nfds_t(polled.count), CInt(clamping: max(0, milliseconds))) > 0 else { return [] }
        var events: [Event] = []
        if polled[0].revents != 0 { events += takeSignals() }
        if polled[1].revents != 0 { events += takeKeys() }
        if polled[2].revents != 0 { events.append(.ready) }
        if polled[3].revents != 0 { flush() }
        return isGone ? events + [.ended] : events
    }

    private func takeSignals() -> [Event] {
        var events: [Event] = []
        var now = timespec()
        while case let number = sigtimedwait(&watched, nil, &now), number > 0 {
            switch number {
            case SIGWINCH: events.append(.changed)
            case SIGTSTP:
                // SIGCONT follows, unless a signal that ends the program comes first: those have lower numbers.
                end()
                kill(getpid(), SIGSTOP)
            case SIGCONT:
                if Restoration.isInForeground {
                    begin()
                    events.append(.changed)
                } else {
                    kill(getpid(), SIGSTOP)
                }
            default: return [.ended]
            }
        }
        return events
    }

    private func takeKeys() -> [Event] {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(input, &bytes, bytes.count)
        guard count > 0 else {
            if count < 0, errno == EINTR || errno == EAGAIN { return [] }
            // The terminal is gone, or has no keyboard.
            isGone = true
            return []
        }
        var events: [Event] = []
        var rest = bytes[..<count]
        while let byte = rest.popFirst() {
            guard byte == Key.escape, let next = rest.first else {
                if byte < 0x80 { events.append(.key(byte)) }
                continue
            }
            // Other keys send control sequences (ECMA-48, section 5.4), which are ignored.
            if next == UInt8(ascii: "[") {
                rest = rest.dropFirst().drop { !(0x40...0x7e ~= $0) }.dropFirst()
            } else {
                rest = rest.dropFirst(next == UInt8(ascii: "O") ? 2 : 1)
            }
        }
        return events
    }

    // MARK: The terminal

    private var writable: CInt { output >= 0 ? output : STDOUT_FILENO }

    /// Switches to the alternate screen without a cursor, and to unbuffered keys.
    private func begin() {
        Restoration.take(input)
        put(Restoration.beginning)
    }

    private func end() {
        guard Restoration.isShown else { return }
        // An incomplete control sequence would swallow the first bytes of the next one.
        finish(within: 500)
        if !pending.isEmpty { put("\u{18}") }
        pending = []
        put(Restoration.ending)
        Restoration.giveBack(input)
    }

    /// Writes a short text without a buffer.
    private func put(_ text: StaticString) {
        text.withUTF8Buffer { pending += $0 }
        finish(within: 500)
    }

    private func finish(within milliseconds: CInt) {
        flush()
        while !pending.isEmpty, !isGone {
            var polled = pollfd(fd: writable, events: Int16(POLLOUT), revents: 0)
            guard poll(&polled, 1, milliseconds) > 0 else { return }
            flush()
        }
    }

    private func flush() {
        while !pending.isEmpty, !isGone {
            let count = pending.withUnsafeBytes { write(writable, $0.baseAddress!, $0.count) }
            if count > 0 {
                pending.removeFirst(count)
            } else if count < 0, errno == EAGAIN {
                return
            } else if count == 0 || errno != EINTR {
                isGone = true
            }
        }
    }
}

extension Screen {
    /// Shows lines once a second, until a signal asks the program to end or `q` is typed.
    ///
    /// - Parameter lines: returns the lines, which may have colours.
    func watch(_ lines: () -> [String]) {
        defer { leave() }
        while true {
            if isFree { show(Self.text(lines(), Terminal.size.lines)) }
            loop: for event in events(within: 1_000) {
                switch event {
                case .key(UInt8(ascii: "q")), .ended: return
                default: break
                }
            }
        }
    }

    private static func text(_ lines: [String], _ height: Int) -> String {
        var shown = lines
        if shown.count >= height {
            shown = shown.prefix(max(0, height - 2)) + ["... and \(lines.count - max(0, height - 2)) more lines"]
        }
        // Each line overwrites the one before it, so that nothing flickers.
        return "\u{1b}[H" + shown.map { "\($0)\u{1b}[K\r\n" }.joined() + "\u{1b}[J"
    }
}

/// The state of the terminal before a screen took it. There is one terminal, and a crash handler must find this without
/// a reference.
private enum Restoration {
    static let beginning: StaticString = "\u{1b}[?1049h\u{1b}[?25l"
    static let ending: StaticString = "\u{1b}[0m\u{1b}[?2026l\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"

    // Used on the thread of the screen only. Allocated on the heap: the Swift 6.3 compiler makes a static variable of
    // this type three bytes too small.
    nonisolated(unsafe) private static let settings = UnsafeMutablePointer<termios>.allocate(capacity: 1)
    nonisolated(unsafe) private static var isTaken = false
    nonisolated(unsafe) private(set) static var isShown = false

    /// Whether this process may change the terminal: in the background, that would stop it.
    static var isInForeground: Bool {
        let group = tcgetpgrp(STDOUT_FILENO)
        // A terminal of another session has no foreground group.
        return group < 0 || group == getpgrp()
    }

    /// Makes keys arrive immediately and without echo; keys for signals still work.
    static func take(_ input: CInt) {
        isShown = true
        guard input >= 0 else { return }
        // The settings of a terminal that is already taken are not the original ones.
        if !isTaken { isTaken = tcgetattr(input, settings) == 0 }
        guard isTaken else { return }
        var own = settings.pointee
        own.c_lflag &= ~tcflag_t(ICANON | ECHO)
        withUnsafeMutableBytes(of: &own.c_cc) {
            $0[Int(VMIN)] = 1
            $0[Int(VTIME)] = 0
        }
        tcsetattr(input, TCSANOW, &own)
    }

    static func giveBack(_ input: CInt) {
        isShown = false
        guard isTaken else { return }
        isTaken = false
        if isInForeground { tcsetattr(input, TCSANOW, settings) }
    }

    /// Restores the terminal if a crash ends the program. Calls only functions that are safe in a signal handler
    /// (signal-safety(7)).
    static func afterFaults() {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in
            guard Restoration.isShown else { return }
            Restoration.isShown = false
            let ending = Restoration.ending
            _ = write(STDOUT_FILENO, ending.utf8Start, ending.utf8CodeUnitCount)
            if Restoration.isTaken { tcsetattr(STDIN_FILENO, TCSANOW, Restoration.settings) }
        }
        // The fault repeats after the handler, and ends the program.
        action.sa_flags = CInt(bitPattern: UInt32(SA_RESETHAND))
        for number in [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV] { sigaction(number, &action, nil) }
    }
}
