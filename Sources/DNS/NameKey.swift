/// A name as it is looked up: in lower case, and with each escape written in the one way that pdns writes it. It has memory for one
/// name, which it uses again and again.
public struct NameKey: ~Copyable {
    /// More than the longest name takes: 255 bytes, each of which may need an escape of four.
    private static let capacity = 1024
    /// The most labels that a name of 255 bytes has.
    package static let mostLabels = 127

    @usableFromInline package let bytes: UnsafeMutablePointer<UInt8>
    @usableFromInline package private(set) var count = 0
    @usableFromInline package private(set) var hash: UInt32 = 0
    /// Where each label begins. There is room for one label a byte, so that labels need not be counted while a name is read.
    @usableFromInline let labelStarts: UnsafeMutablePointer<UInt16>
    /// 0 for the root.
    @usableFromInline package private(set) var labelCount = 0

    public init() {
        // Names are stored in words of eight bytes.
        bytes = .allocate(capacity: Self.capacity + 8)
        labelStarts = .allocate(capacity: Self.capacity + 1)
        labelStarts[0] = 0
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
        let isPlain = name.withUnsafeBytes { name in setPlain(name.baseAddress!, count: name.count) }
        guard isPlain || escapeAnew(name) else { return false }
        return labelCount <= Self.mostLabels
    }

    /// Takes over a name that needs no escapes, eight bytes at a time: writes them in lower case, finds the labels and
    /// computes the hash.
    ///
    /// - Returns: false, and all is to be done again, if there is an escape, or a byte that pdns writes as one.
    @inline(__always)
    private mutating func setPlain(_ name: UnsafeRawPointer, count nameCount: Int) -> Bool {
        let hasFinalDot = name.load(fromByteOffset: nameCount - 1, as: UInt8.self) == UInt8(ascii: ".")
        guard !hasFinalDot || nameCount > 1 else {
            setRoot()
            return true
        }
        let count = hasFinalDot ? nameCount - 1 : nameCount
        let target = UnsafeMutableRawPointer(bytes)
        let labelStarts = labelStarts
        var hasher = NameHasher(count: count)
        var labels = 1
        var escapes: UInt64 = 0

        @inline(__always)
        func take(_ word: NameWord, at position: Int) -> UInt64 {
            var dots = word.dots
            while dots != 0 {
                labelStarts[labels] = UInt16(truncatingIfNeeded: position &+ dots.trailingZeroBitCount &>> 3 &+ 1)
                labels &+= 1
                dots &= dots &- 1
            }
            let lower = word.lowerCase
            target.storeBytes(of: lower.littleEndian, toByteOffset: position, as: UInt64.self)
            return lower
        }

        var i = 0
        while i &+ 8 <= count {
            let word = NameWord(UInt64(littleEndian: name.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
            escapes |= word.escapes
            hasher.combine(take(word, at: i))
            i &+= 8
        }
        let word = NameWord(lastBytes(name, from: i, to: count))
        // The bytes after the name are zero, and no part of it.
        escapes |= word.escapes & (1 &<< UInt64(8 * (count - i)) &- 1)
        let rest = take(word, at: i)
        guard escapes == 0 else { return false }
        self.count = count
        labelCount = labels
        hash = nameHash(hasher.finish(rest, count: count - i))
        return true
    }

    private mutating func setRoot() {
        bytes[0] = UInt8(ascii: ".")
        count = 1
        labelCount = 0
        hash = nameHash(UnsafeBufferPointer(start: bytes, count: 1).span)
    }

    @inline(never)
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
        hash = nameHash(UnsafeBufferPointer(start: bytes, count: count).span)
        return true
    }

    /// The key of the name that has the last `labels` labels of this, which has as many. Not for the root.
    @inlinable @inline(__always)
    package func suffix(labels: Int) -> UnsafeBufferPointer<UInt8> {
        let start = Int(labelStarts[labelCount - labels])
        return UnsafeBufferPointer(start: bytes + start, count: count - start)
    }
}

/// Eight bytes of a name at once, the first in the lowest bits. Zeros stand for bytes after its end.
///
/// What is said of a byte is said by its highest bit. No sum carries into the next byte, since both summands are below 0x80.
private struct NameWord {
    private let word: UInt64
    /// The bytes without their highest bits.
    private let low: UInt64

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highest: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    init(_ word: UInt64) {
        self.word = word
        low = word & ~Self.highest
    }

    /// The bytes with A to Z in lower case.
    @inline(__always)
    var lowerCase: UInt64 {
        let fromA = low &+ (0x80 - UInt64(UInt8(ascii: "A"))) &* Self.ones
        let aboveZ = low &+ (0x7f - UInt64(UInt8(ascii: "Z"))) &* Self.ones
        // The highest bit of a letter becomes 0x20, the difference between the cases.
        return word | (fromA & ~aboveZ & ~word & Self.highest) >> 2
    }

    /// The dots. They are right only where no byte has its highest bit set.
    @inline(__always)
    var dots: UInt64 { ~((word ^ UInt64(UInt8(ascii: ".")) &* Self.ones) &+ 0x7f &* Self.ones) & Self.highest }

    /// The bytes that are escapes, or that pdns writes as such: a backslash, and all but 0x21 to 0x7e.
    @inline(__always)
    var escapes: UInt64 {
        let belowGraphic = ~(low &+ (0x80 - 0x21) &* Self.ones)
        let delete = low &+ Self.ones
        let backslash = ~((low ^ UInt64(UInt8(ascii: "\\")) &* Self.ones) &+ 0x7f &* Self.ones)
        return (word | belowGraphic | delete | backslash) & Self.highest
    }
}
