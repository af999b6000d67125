import Glibc

/// Returns the time of the monotonic clock in nanoseconds. Setting the system time does not change that clock.
public func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Returns the time of the monotonic clock in milliseconds.
public func milliseconds() -> Int { nanoseconds() / 1_000_000 }

/// Returns the system time in nanoseconds since 1970.
public func wallClock() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Returns a time in the local time zone, as `2026-11-23 09:34:00`.
///
/// - Parameter seconds: since 1970.
public func dateAndTime(_ seconds: Int) -> String { formatted(seconds, "%Y-%m-%d %H:%M:%S") }

/// Returns a time in the local time zone with its offset from UTC, as `2026-11-23 09:34:00 +01:00`.
///
/// - Parameter seconds: since 1970.
public func dateTimeAndOffset(_ seconds: Int) -> String {
    // strftime(3) writes the offset without a colon.
    let text = formatted(seconds, "%Y-%m-%d %H:%M:%S %z")
    return text.count > 2 ? "\(text.dropLast(2)):\(text.suffix(2))" : text
}

/// Returns a duration in the largest unit that leaves about two digits, as `25 s`, `3 min`, `5 h` or `4 d`; `0 s` for
/// negative numbers.
public func durationWords(_ seconds: Int) -> String {
    switch seconds {
    case ..<120: "\(max(0, seconds)) s"
    case ..<7_200: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3600) h"
    default: "\(seconds / 86_400) d"
    }
}

private func formatted(_ seconds: Int, _ format: String) -> String {
    var time = time_t(seconds)
    var parts = tm()
    localtime_r(&time, &parts)
    var text = [CChar](repeating: 0, count: 64)
    strftime(&text, text.count, format, &parts)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
