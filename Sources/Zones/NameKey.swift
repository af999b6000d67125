/// A name as it is looked for: in lower case and with all escapes written alike. Memory for one name, used again and again.
public struct NameKey: ~Copyable {
    /// Longer than the longest name: 255 bytes, each of which may need an escape of four.
    private static let capacity = 1024
    /// A name of 255 bytes has no more.
    static let mostLabels = 127

    let bytes: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private(set) var hash: UInt32 = 0
    /// Where each label begins.
    private let labelStarts: UnsafeMutablePointer<UInt16>
    /// 0 for the root.
    private(set) var labelCount = 0

    public init() {
        bytes = .allocate(capacity: Self.capacity + 8)
        labelStarts = .allocate(capacity: Self.mostLabels + 1)
    }

    deinit {
        bytes.deallocate()
        labelStarts.deallocate()
    }

    /// Takes over a name in presentation format, with or without a final dot.
    ///
    /// - Returns: false if that is no name.
    public mutating func set(_ name: Span<UInt8>) -> Bool {
        guard 1...Self.capacity ~= name.count else { return false }
        count = 0
        labelCount = 0
        labelStarts[0] = 0
        var needsUnescaping = false
        for i in 0..<name.count {
            let byte = name[unchecked: i]
            // Bytes that pdns would have escaped, and escapes that it would have written otherwise.
            needsUnescaping = needsUnescaping || byte == UInt8(ascii: "\\") || byte <= 0x20 || byte >= 0x7f
            bytes[i] = lowerCase(byte)
            if byte == UInt8(ascii: ".") {
                guard labelCount < Self.mostLabels else { return false }
                labelCount += 1
                labelStarts[labelCount] = UInt16(i + 1)
            }
        }
        count = name.count
        if needsUnescaping {
            guard escapeAnew(name) else { return false }
        } else if count == 1, labelCount == 1 {
            labelCount = 0
        } else if bytes[count - 1] == UInt8(ascii: ".") {
            count -= 1
        } else {
            guard labelCount < Self.mostLabels else { return false }
            labelCount += 1
        }
        hash = nameHash(UnsafeBufferPointer(start: bytes, count: count).span)
        return true
    }

    private mutating func escapeAnew(_ name: Span<UInt8>) -> Bool {
        count = 0
        labelCount = 0
        var i = 0
        while i < name.count {
            // An escape may become longer by three bytes.
            guard count + 4 <= Self.capacity, labelCount < Self.mostLabels else { return false }
            if name[i] == UInt8(ascii: ".") {
                i += 1
                guard i < name.count else { break }
                bytes[count] = UInt8(ascii: ".")
                count += 1
                labelCount += 1
                labelStarts[labelCount] = UInt16(count)
            } else {
                guard let (byte, next) = unescape(name, at: i) else { return false }
                appendEscaped(lowerCase(byte)) {
                    bytes[count] = $0
                    count += 1
                }
                i = next
            }
        }
        labelCount += 1
        return true
    }

    /// The key of the name that has the last `labels` labels of this, which has as many. Not for the root.
    func suffix(labels: Int) -> UnsafeBufferPointer<UInt8> {
        let start = Int(labelStarts[labelCount - labels])
        return UnsafeBufferPointer(start: bytes + start, count: count - start)
    }
}
