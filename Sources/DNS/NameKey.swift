import CBytes

/// The look-up key of a name: in lower case, with escapes as pdns writes them. One `NameKey` has memory for one name,
/// and is reused for each question.
public struct NameKey: ~Copyable {
    /// More bytes than the longest name has: 255 bytes, each of which may need an escape of four.
    @inlinable package static var capacity: Int { 1024 }
    /// The largest number of labels of a name of 255 bytes.
    @inlinable package static var maxLabels: Int { 127 }

    @usableFromInline package let bytes: UnsafeMutablePointer<UInt8>
    @usableFromInline package internal(set) var count = 0
    @usableFromInline package internal(set) var hash: UInt32 = 0
    /// The start of each label. There is room for one label for each byte, so that no count need be checked while a
    /// name is read.
    @usableFromInline let labelStarts: UnsafeMutablePointer<UInt16>
    /// The number of labels; 0 for the root.
    @usableFromInline package internal(set) var labelCount = 0

    public init() {
        // Names are stored sixteen bytes at a time, so up to 16 bytes after the name are written.
        bytes = UnsafeMutableRawPointer.allocate(byteCount: Self.capacity + 16, alignment: 16)
            .bindMemory(to: UInt8.self, capacity: Self.capacity + 16)
        bytes.initialize(repeating: 0, count: Self.capacity + 16)
        labelStarts = .allocate(capacity: Self.capacity + 1)
        labelStarts[0] = 0
    }

    deinit {
        bytes.deallocate()
        labelStarts.deallocate()
    }

    /// Sets the key to that of a name in presentation format, with or without a final dot.
    ///
    /// - Returns: false if `name` is not a valid name.
    @inlinable @inline(__always)
    public mutating func set(_ name: Span<UInt8>) -> Bool {
        guard 1...Self.capacity ~= name.count else { return false }
        let isPlain = name.withUnsafeBytes { name in setPlain(name.baseAddress.unsafelyUnwrapped, count: name.count) }
        guard isPlain || normalizeEscapes(name) else { return false }
        return labelCount <= Self.maxLabels
    }

    /// Sets the key to that of a name without escapes, sixteen bytes at a time: copies the name in lower case, finds
    /// the labels and computes the hash.
    ///
    /// - Returns: false if there is an escape, or a byte that pdns escapes. The key is invalid then, and
    ///   `normalizeEscapes` must set it.
    @inlinable @inline(__always)
    mutating func setPlain(_ name: UnsafeRawPointer, count nameCount: Int) -> Bool {
        let hasFinalDot = name.load(fromByteOffset: nameCount &- 1, as: UInt8.self) == UInt8(ascii: ".")
        guard !hasFinalDot || nameCount > 1 else {
            setRoot()
            return true
        }
        let count = hasFinalDot ? nameCount &- 1 : nameCount
        let (target, labelStarts) = (UnsafeMutableRawPointer(bytes), labelStarts)
        var labels = 1
        var escapes: UInt32 = 0

        @inline(__always)
        func take(_ part: name16, at position: Int, _ mask: UInt32 = .max) {
            escapes |= part.escapes & mask
            var dots = part.dots & mask
            while dots != 0 {
                labelStarts[labels] = UInt16(truncatingIfNeeded: position &+ dots.trailingZeroBitCount &+ 1)
                labels &+= 1
                dots &= dots &- 1
            }
        }

        if count >= 16 {
            var i = 0
            while i &+ 16 <= count {
                take(bytes16_copy_name(name + i, target + i), at: i)
                i &+= 16
            }
            if i < count {
                // The last sixteen bytes; the first of them have been taken already, and are masked out.
                let position = count &- 16
                take(
                    bytes16_copy_name(name + position, target + position), at: position,
                    .max &<< UInt32(truncatingIfNeeded: i &- position))
            }
        } else {
            var words = (UInt64(0), UInt64(0))
            withUnsafeMutableBytes(of: &words) { words in
                words.baseAddress.unsafelyUnwrapped.copyMemory(from: name, byteCount: count)
                take(
                    bytes16_copy_name(words.baseAddress.unsafelyUnwrapped, target), at: 0,
                    1 &<< UInt32(truncatingIfNeeded: count) &- 1)
            }
        }
        guard escapes == 0 else { return false }
        self.count = count
        labelCount = labels
        hash = hash(from: 0)
        return true
    }

    @usableFromInline
    mutating func setRoot() {
        bytes[0] = UInt8(ascii: ".")
        count = 1
        labelCount = 0
        hash = nameHash(UnsafeBufferPointer(start: bytes, count: 1).span)
    }

    /// Sets the key to that of a name with escapes, byte by byte; false if it is not a valid name.
    @inline(never) @usableFromInline
    mutating func normalizeEscapes(_ name: Span<UInt8>) -> Bool {
        count = 0
        labelCount = 0
        var i = 0
        while i < name.count {
            // One byte becomes at most four.
            guard count + 4 <= Self.capacity, labelCount < Self.maxLabels else { return false }
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

    /// Returns the hash of the key from position `start` on.
    @inlinable @inline(__always)
    func hash(from start: Int) -> UInt32 {
        let name = UnsafeRawPointer(bytes) + start
        let length = count &- start
        var hasher = NameHasher(count: length)
        var i = 0
        while i &+ 8 <= length {
            hasher.combine(UInt64(littleEndian: name.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
            i &+= 8
        }
        // The memory is longer than the key; `finish` ignores the bytes after the key.
        let rest = UInt64(littleEndian: name.loadUnaligned(fromByteOffset: i, as: UInt64.self))
        return nameHash(hasher.finish(rest, count: length &- i))
    }

    /// Returns the hash of `suffix(labels:)`.
    @inlinable @inline(__always)
    package func suffixHash(labels: Int) -> UInt32 { hash(from: Int(labelStarts[labelCount &- labels])) }

    /// Returns the key of the name that consists of the last `labels` labels, 1...labelCount. Not for the root.
    @inlinable @inline(__always)
    package func suffix(labels: Int) -> UnsafeBufferPointer<UInt8> {
        let start = Int(labelStarts[labelCount &- labels])
        return UnsafeBufferPointer(start: bytes + start, count: count &- start)
    }
}
