import Glibc

/// Nanoseconds on the monotonic clock, which setting the time does not move.
public func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Milliseconds on the same clock.
public func milliseconds() -> Int { nanoseconds() / 1_000_000 }

/// Nanoseconds since 1970.
public func wallClock() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// A time as people write it, in the zone of this machine.
public func dateAndTime(_ seconds: Int) -> String { formatted(seconds, "%Y-%m-%d %H:%M:%S") }

/// The same with the zone's offset from UTC, as `2026-11-23 09:34:00 +01:00`.
///
/// - Parameter seconds: since 1970.
public func dateTimeAndOffset(_ seconds: Int) -> String {
    // strftime(3) has no colon in it.
    let text = formatted(seconds, "%Y-%m-%d %H:%M:%S %z")
    return text.count > 2 ? "\(text.dropLast(2)):\(text.suffix(2))" : text
}

/// The number of seconds in the largest unit that leaves two digits or so, as `25 s` or `3 min`; 0 for less.
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
