import CBytes

/// A name as it is looked up: in lower case, and with each escape written in the one way that pdns writes it. It has memory for one
/// name, which it uses again and again.
public struct NameKey: ~Copyable {
    /// More than the longest name takes: 255 bytes, each of which may need an escape of four.
    @inlinable package static var capacity: Int { 1024 }
    /// The most labels that a name of 255 bytes has.
    @inlinable package static var mostLabels: Int { 127 }

    @usableFromInline package let bytes: UnsafeMutablePointer<UInt8>
    @usableFromInline package internal(set) var count = 0
    @usableFromInline package internal(set) var hash: UInt32 = 0
    /// Where each label begins. There is room for one label a byte, so that labels need not be counted while a name is read.
    @usableFromInline let labelStarts: UnsafeMutablePointer<UInt16>
    /// 0 for the root.
    @usableFromInline package internal(set) var labelCount = 0

    public init() {
        // Names are stored in parts of sixteen bytes.
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

    /// Takes over a name in presentation format, with or without a final dot.
    ///
    /// - Returns: false if that is no name.
    @inlinable @inline(__always)
    public mutating func set(_ name: Span<UInt8>) -> Bool {
        guard 1...Self.capacity ~= name.count else { return false }
        let isPlain = name.withUnsafeBytes { name in setPlain(name.baseAddress.unsafelyUnwrapped, count: name.count) }
        guard isPlain || escapeAnew(name) else { return false }
        return labelCount <= Self.mostLabels
    }

    /// Takes over a name that needs no escapes, sixteen bytes at a time: writes them in lower case, finds the labels and
    /// computes the hash.
    ///
    /// - Returns: false, and all is to be done again, if there is an escape, or a byte that pdns writes as one.
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
                // The last sixteen bytes, of which the first have been taken.
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

    @inline(never) @usableFromInline
    mutating func escapeAnew(_ name: Span<UInt8>) -> Bool {
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

    /// The hash of the key from one of its bytes on.
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
        // There is memory for more than the key, but what is in it does not count.
        let rest = UInt64(littleEndian: name.loadUnaligned(fromByteOffset: i, as: UInt64.self))
        return nameHash(hasher.finish(rest, count: length &- i))
    }

    /// The hash of the key that `suffix` gives.
    @inlinable @inline(__always)
    package func suffixHash(labels: Int) -> UInt32 { hash(from: Int(labelStarts[labelCount &- labels])) }

    /// The key of the name that has the last `labels` labels of this, which has as many. Not for the root.
    @inlinable @inline(__always)
    package func suffix(labels: Int) -> UnsafeBufferPointer<UInt8> {
        let start = Int(labelStarts[labelCount &- labels])
        return UnsafeBufferPointer(start: bytes + start, count: count &- start)
    }
}
