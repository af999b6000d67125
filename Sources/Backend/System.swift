import Glibc

/// Writes a line to stderr.
public func complain(_ message: String) {
    let line = Array((message + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

/// On a clock that nobody sets.
public func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// On the same clock.
func milliseconds() -> Int { nanoseconds() / 1_000_000 }

/// A time as people write it, in the zone of this machine.
public func dateAndTime(_ seconds: Int) -> String {
    var time = time_t(seconds)
    var parts = tm()
    localtime_r(&time, &parts)
    var text = [CChar](repeating: 0, count: 64)
    strftime(&text, text.count, "%Y-%m-%d %H:%M:%S", &parts)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Runs `body` in a thread of its own; false if there cannot be one.
@discardableResult
public func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(Body(body)).toOpaque()
    let result = pthread_create(
        &thread, nil,
        { argument in
            let stack = FaultGuard.prepareThread()
            Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
            FaultGuard.endThread(stack)
            return nil
        }, argument)
    if result == 0 { pthread_detach(thread) } else { Unmanaged<Body>.fromOpaque(argument).release() }
    return result == 0
}
