import Platform
import Testing

@Suite("Timestamps (RFC 3339)")
struct TimestampTests {
    @Test(
        "timestamps are read as they were written",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_764_528_000_123, "2025-11-30T18:40:00.123Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ])
    func both(milliseconds: Int, text: String) {
        #expect(Timestamp.text(milliseconds: milliseconds) == text)
        #expect(Timestamp.milliseconds(text.utf8) == milliseconds)
    }

    @Test("an offset and any fraction are accepted; malformed timestamps are refused")
    func forms() {
        for (text, milliseconds) in [
            ("2025-11-30T18:40:00Z", 1_764_528_000_000), ("2025-11-30t18:40:00.1z", 1_764_528_000_100),
            ("2025-11-30 18:40:00.123456789Z", 1_764_528_000_123), ("2025-11-30T19:40:00+01:00", 1_764_528_000_000),
            ("2025-11-30T13:10:00.5-05:30", 1_764_528_000_500),
        ] {
            #expect(Timestamp.milliseconds(text.utf8) == milliseconds, "\(text)")
        }
        for text in [
            "", "2025", "2025-11-30", "2025-11-30T18:40:00", "2025-11-30T18:40Z", "2025-13-30T18:40:00Z",
            "2025-11-32T18:40:00Z", "2025-11-31T18:40:00Z", "2026-02-29T00:00:00Z",
            "2025-11-30T24:40:00Z", "2025-11-30T18:60:00Z", "2025-11-30T18:40:00.Z",
            "2025-11-30T18:40:00Zx", "2025-11-30T18:40:00+1:00", "+025-11-30T18:40:00Z", "1764528000",
        ] {
            #expect(Timestamp.milliseconds(text.utf8) == nil, "\(text)")
        }
    }
}
