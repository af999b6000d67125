/// The byte order mark that some editors write before UTF-8.
public let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

/// Whether a text begins with a byte order mark in UTF-8.
public func hasByteOrderMark(_ bytes: some Collection<UInt8>) -> Bool { bytes.starts(with: byteOrderMark) }

/// Returns `UTF-32` or `UTF-16` if the byte order mark or the zero bytes of a text indicate that encoding; `nil` for
/// any other text.
public func wideEncoding(_ bytes: some Collection<UInt8>) -> String? {
    let start = Array(bytes.prefix(4))
    if start == [0xff, 0xfe, 0, 0] || start == [0, 0, 0xfe, 0xff] { return "UTF-32" }
    if start.starts(with: [0xff, 0xfe]) || start.starts(with: [0xfe, 0xff]) { return "UTF-16" }
    // In UTF-16 without a mark, every other byte of ASCII characters is 0.
    let zeros = start.map { $0 == 0 }
    return zeros == [true, false, true, false] || zeros == [false, true, false, true] ? "UTF-16" : nil
}
