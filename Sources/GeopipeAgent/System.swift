import Glibc
import Platform

/// Seconds on the monotonic clock.
func monotonicTime() -> Double { Double(nanoseconds()) / 1e9 }

/// Seconds since 1970.
func wallTime() -> Double { Double(wallClock()) / 1e9 }

/// The milliseconds since a time on that clock, with two decimals.
func millisecondsSince(_ start: Double) -> Double { ((monotonicTime() - start) * 100_000).rounded() / 100 }

/// Waits until the task is cancelled.
func untilCancelled() async {
    let (stream, _) = AsyncStream.makeStream(of: Void.self)
    for await _ in stream {}
}

/// Runs what may wait for the system in a thread of its own.
func inThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        startOrRun { continuation.resume(returning: body()) }
    }
}

/// Runs `body` in a thread of its own; with none to be had the caller waits itself.
func startOrRun(_ body: @escaping @Sendable () -> Void) { if !startThread(body) { body() } }

/// An error of the system in the words of strerror(3), as part of a sentence.
func systemError(_ code: CInt = errno) -> String {
    let text = String(cString: strerror(code))
    // A word such as SSL stays as it is.
    guard text.dropFirst().first?.isLowercase == true else { return text }
    return text.prefix(1).lowercased() + text.dropFirst()
}

/// Allows this process as many open files as it may have.
///
/// - Returns: how many that are.
func raiseFileLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(clamping: limit.rlim_cur)
}
