/// Reads and writes timestamps (RFC 3339), such as `2026-11-23T09:34:00.250Z`.
public enum Timestamp {
    /// Returns a time in UTC with milliseconds.
    ///
    /// - Parameter milliseconds: since 1970; in the years 0 to 9999.
    public static func text(milliseconds: Int) -> String {
        let (days, rest) = (floored(milliseconds, by: 86_400_000), modulo(milliseconds, 86_400_000))
        let (year, month, day) = date(ofDay: days)
        func digits(_ number: Int, _ count: Int) -> String {
            let text = "\(number)"
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T\(digits(rest / 3_600_000, 2)):"
            + "\(digits(rest / 60_000 % 60, 2)):\(digits(rest / 1_000 % 60, 2)).\(digits(rest % 1_000, 3))Z"
    }

    /// Reads a time with `Z` or with an offset from UTC, and with any number of fractional digits or none.
    ///
    /// - Returns: milliseconds since 1970; `nil` if `text` is not a timestamp.
    public static func milliseconds(_ text: some Collection<UInt8>) -> Int? {
        var rest = text[...]
        func number(_ count: Int) -> Int? {
            let digits = rest.prefix(count)
            rest = rest.dropFirst(count)
            guard digits.count == count else { return nil }
            var value = 0
            for digit in digits {
                guard 0x30...0x39 ~= digit else { return nil }
                value = value * 10 + Int(digit) - 0x30
            }
            return value
        }
        func mark(_ marks: String) -> UInt8? {
            guard let byte = rest.first, marks.utf8.contains(byte) else { return nil }
            rest = rest.dropFirst()
            return byte
        }
        guard let year = number(4), mark("-") != nil, let month = number(2), mark("-") != nil, let day = number(2),
            mark("Tt ") != nil, let hour = number(2), mark(":") != nil, let minute = number(2), mark(":") != nil,
            let second = number(2), 1...12 ~= month, 1...31 ~= day, hour < 24, minute < 60, second <= 60
        else { return nil }
        var fraction = 0
        if mark(".") != nil {
            let digits = rest.prefix { 0x30...0x39 ~= $0 }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            for place in 0..<3 {
                fraction = fraction * 10 + (digits.dropFirst(place).first.map { Int($0) - 0x30 } ?? 0)
            }
        }
        var offset = 0
        guard let zone = mark("Zz+-") else { return nil }
        if zone == UInt8(ascii: "+") || zone == UInt8(ascii: "-") {
            guard let hours = number(2), mark(":") != nil, let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            offset = (hours * 60 + minutes) * (zone == UInt8(ascii: "+") ? 1 : -1)
        }
        guard rest.isEmpty else { return nil }
        let number = dayNumber(year, month, day)
        // A day that the month does not have, such as 31 February, comes back as another date.
        guard date(ofDay: number) == (year, month, day) else { return nil }
        let minutes = (number * 24 + hour) * 60 + minute - offset
        return (minutes * 60 + second) * 1_000 + fraction
    }

    // Years begin in March here, so that a leap day is the last day of its year. An era is 400 years, which have
    // 146,097 days.

    /// Returns the number of days from 1 January 1970 to a date.
    private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = floored(year, by: 400)
        let ofEra = year - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func date(ofDay number: Int) -> (year: Int, month: Int, day: Int) {
        let days = number + 719_468
        let era = floored(days, by: 146_097)
        let ofEra = days - era * 146_097
        let year = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        return (
            year + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
            ofYear - (153 * month + 2) / 5 + 1
        )
    }

    private static func floored(_ number: Int, by divisor: Int) -> Int {
        (number - modulo(number, divisor)) / divisor
    }

    private static func modulo(_ number: Int, _ divisor: Int) -> Int {
        let rest = number % divisor
        return rest < 0 ? rest + divisor : rest
    }
}
