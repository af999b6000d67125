import Glibc
import Platform

/// Returns seconds of the monotonic clock.
func monotonicTime() -> Double { Double(nanoseconds()) / 1e9 }

/// Returns seconds since 1970.
func wallTime() -> Double { Double(wallClock()) / 1e9 }

/// Returns the milliseconds since a time on the monotonic clock, with two decimals.
func millisecondsSince(_ start: Double) -> Double { ((monotonicTime() - start) * 100_000).rounded() / 100 }

func untilCancelled() async {
    let (stream, _) = AsyncStream.makeStream(of: Void.self)
    for await _ in stream {}
}

/// Runs a blocking function on a thread of its own.
func inThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        startOrRun { continuation.resume(returning: body()) }
    }
}

/// Runs `body` on a thread of its own; if no thread can be created, on the caller's.
func startOrRun(_ body: @escaping @Sendable () -> Void) { if !startThread(body) { body() } }

/// Returns the text of strerror(3) for an error, as part of a sentence.
func systemError(_ code: CInt = errno) -> String {
    let text = String(cString: strerror(code))
    // An abbreviation such as SSL keeps its capitals.
    guard text.dropFirst().first?.isLowercase == true else { return text }
    return text.prefix(1).lowercased() + text.dropFirst()
}

/// Raises the limit of open files to its maximum.
///
/// - Returns: the new limit.
func raiseFileLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(clamping: limit.rlim_cur)
}
