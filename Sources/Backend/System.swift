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
