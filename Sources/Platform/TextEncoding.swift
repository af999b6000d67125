/// The byte order mark that some editors put in front of UTF-8.
public let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

/// Whether a text begins with a byte order mark in UTF-8.
public func hasByteOrderMark(_ bytes: some Collection<UInt8>) -> Bool { bytes.starts(with: byteOrderMark) }

/// The encoding of a text that is neither UTF-8 nor ASCII, as its byte order mark or its zeros tell; `nil` for any other text.
public func wideEncoding(_ bytes: some Collection<UInt8>) -> String? {
    let start = Array(bytes.prefix(4))
    if start == [0xff, 0xfe, 0, 0] || start == [0, 0, 0xfe, 0xff] { return "UTF-32" }
    if start.starts(with: [0xff, 0xfe]) || start.starts(with: [0xfe, 0xff]) { return "UTF-16" }
    // Without a mark every other byte of what is ASCII otherwise is 0.
    let zeros = start.map { $0 == 0 }
    return zeros == [true, false, true, false] || zeros == [false, true, false, true] ? "UTF-16" : nil
}
