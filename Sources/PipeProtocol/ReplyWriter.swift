import Glibc

/// Answers, collected until they are sent with one write.
///
/// Names and records are written as they are given: what could break a line must not get here.
public struct ReplyWriter: ~Copyable {
    /// As much is collected at most; an answer that is longer, such as a zone transfer, leaves in pieces. A page that is
    /// not reached takes no memory.
    private static let capacity = 1 << 20

    @usableFromInline let descriptor: CInt
    @usableFromInline var buffer: UnsafeMutableBufferPointer<UInt8>
    @usableFromInline var count = 0
    /// Nobody reads any more.
    private var isClosed = false
    /// Whether there was no room for all that was to be sent at once: some of it has been sent.
    public private(set) var hasSentPart = false
    private let partSent: () -> Void
    /// What a line has between its tag and its name, for each scope, without the `auth` flag and with it.
    @usableFromInline let qualifiers: UnsafeMutablePointer<Qualifier>

    /// The scope and the `auth` flag, each with a tab after it.
    @usableFromInline
    struct Qualifier {
        /// The first byte in the lowest bits.
        @usableFromInline var bytes: UInt64 = 0
        @usableFromInline var count = 0

        init(scope: UInt8, isAuthoritative: Bool) {
            for byte in "\(scope)\t\(isAuthoritative ? 1 : 0)\t".utf8 {
                bytes |= UInt64(byte) << UInt64(8 * count)
                count += 1
            }
        }
    }

    /// - Parameters:
    ///   - descriptor: stays the caller's to close.
    ///   - partSent: called when something has been sent because there was no room for more. That ends with a line's end.
    public init(descriptor: CInt, partSent: @escaping () -> Void = {}) {
        self.descriptor = descriptor
        self.partSent = partSent
        buffer = .allocate(capacity: Self.capacity)
        qualifiers = .allocate(capacity: 512)
        for i in 0..<512 {
            (qualifiers + i).initialize(to: Qualifier(scope: UInt8(i / 2), isAuthoritative: i % 2 == 1))
        }
    }

    deinit {
        buffer.deallocate()
        qualifiers.deallocate()
    }

    /// `OK`: the answer to a `HELO` that is understood.
    public mutating func ok(banner: String) {
        append("OK\t", banner)
    }

    /// `LOG`: a line for the log of pdns. Only between a question and its `END` or `FAIL`.
    public mutating func log(_ message: String) {
        append("LOG\t", message)
    }

    /// A line of the answer to a command.
    public mutating func line(_ text: String) { append("", text) }

    /// A part of an answer that another coprocess has given.
    public mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        if let source = bytes.baseAddress { memcpy(buffer.baseAddress! + count, source, bytes.count) }
        count += bytes.count
    }

    /// `END`: the answer is complete.
    @inlinable @inline(__always)
    public mutating func end() {
        reserve(4)
        let target = UnsafeMutableRawPointer(buffer.baseAddress! + count)
        target.storeBytes(of: (0x0a44_4e45 as UInt32).littleEndian, as: UInt32.self)
        count &+= 4
    }

    /// `FAIL`: no answer can be given; pdns says SERVFAIL and keeps nothing.
    public mutating func fail() { append("FAIL\n") }

    /// `DATA`: one record.
    ///
    /// - Parameters:
    ///   - scope: the length of the prefix for whose clients this holds; written from ABI 3 on, as is `isAuthoritative`.
    ///   - name: the owner, as it was asked.
    ///   - head: all between the name and the zone's id, with the tabs around it: class, type, TTL.
    ///   - zoneID: at least 0.
    ///   - content: the record's data and the line's end.
    public mutating func data(
        scope: UInt8, isAuthoritative: Bool, name: Span<UInt8>, head: Span<UInt8>, zoneID: Int, content: Span<UInt8>,
        version: ABIVersion
    ) {
        reserve(Self.longestBeginning + name.count + head.count + Self.longestNumber + 1 + content.count)
        begin(scope: scope, isAuthoritative: isAuthoritative, version)
        put(name)
        put(head)
        put(decimal: zoneID)
        put(byte: UInt8(ascii: "\t"))
        put(content)
    }

    /// `DATA`: one record whose line is ready but for its beginning.
    ///
    /// - Parameters:
    ///   - scope: as for the other form.
    ///   - tail: all after the name, from the tab on, with the zone's id and the line's end.
    @inlinable @inline(__always)
    public mutating func data(
        scope: UInt8, isAuthoritative: Bool, name: Span<UInt8>, tail: Span<UInt8>, version: ABIVersion
    ) {
        reserve(Self.longestBeginning &+ name.count &+ tail.count)
        begin(scope: scope, isAuthoritative: isAuthoritative, version)
        put(name)
        put(tail)
    }

    /// Whether nothing was collected.
    public var isEmpty: Bool { count == 0 }

    /// Sends all that was collected.
    ///
    /// - Returns: false if nobody reads any more.
    public mutating func send() -> Bool {
        var sent = 0
        while sent < count, !isClosed {
            let written = write(descriptor, buffer.baseAddress! + sent, count - sent)
            if written >= 0 {
                sent += written
            } else if errno == EAGAIN {
                isClosed = !wait(for: descriptor, CInt(POLLOUT))
            } else if errno != EINTR {
                isClosed = true
            }
        }
        count = 0
        hasSentPart = false
        return !isClosed
    }

    /// Appends a line.
    private mutating func append(_ tag: StaticString, _ text: String) {
        reserve(tag.utf8CodeUnitCount + text.utf8.count + 1)
        append(tag)
        for byte in text.utf8 {
            buffer[count] = byte < 0x20 || byte == 0x7f ? UInt8(ascii: " ") : byte
            count += 1
        }
        append("\n")
    }

    @inline(__always)
    private mutating func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        reserve(length)
        memcpy(buffer.baseAddress! + count, text.utf8Start, length)
        count += length
    }

    /// More than what is before a name takes, which is written with two stores of eight bytes.
    @inlinable static var longestBeginning: Int { 16 }
    /// As many bytes as the largest number has digits.
    private static var longestNumber: Int { 19 }

    // What follows is written where `reserve` has made room for the whole line.

    @inlinable @inline(__always)
    mutating func begin(scope: UInt8, isAuthoritative: Bool, _ version: ABIVersion) {
        let target = UnsafeMutableRawPointer(buffer.baseAddress! + count)
        // "DATA" and a tab.
        target.storeBytes(of: (0x09_4154_4144 as UInt64).littleEndian, as: UInt64.self)
        count &+= 5
        guard version.hasScope else { return }
        let qualifier = qualifiers[2 * Int(scope) + (isAuthoritative ? 1 : 0)]
        target.storeBytes(of: qualifier.bytes.littleEndian, toByteOffset: 5, as: UInt64.self)
        count &+= qualifier.count
    }

    @inline(__always)
    private mutating func put(byte: UInt8) {
        buffer.baseAddress![count] = byte
        count += 1
    }

    @inlinable @inline(__always)
    mutating func put(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { bytes in
            if let source = bytes.baseAddress {
                copy(source, to: UnsafeMutableRawPointer(buffer.baseAddress! + count), count: bytes.count)
            }
        }
        count &+= bytes.count
    }

    @inline(__always)
    private mutating func put(decimal number: Int) {
        var length = 1
        var power = 10
        while length < Self.longestNumber, number >= power {
            length += 1
            power = power &* 10
        }
        var rest = number
        var position = count + length
        repeat {
            position -= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            buffer.baseAddress![position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            rest = quotient
        } while position > count
        count += length
    }

    /// Makes room for `length` more bytes.
    @inlinable @inline(__always)
    mutating func reserve(_ length: Int) {
        if buffer.count &- count < length { makeRoom(length) }
    }

    @inline(never) @usableFromInline
    mutating func makeRoom(_ length: Int) {
        if count > 0 {
            _ = send()
            hasSentPart = true
            partSent()
        }
        guard buffer.count < length else { return }
        buffer.deallocate()
        buffer = .allocate(capacity: length)
    }
}

/// Copies bytes, few as they mostly are, without a call. The last chunk begins where it ends with the last byte, so that no other is
/// touched.
@inlinable @inline(__always)
func copy(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int) {
    if count >= 16 {
        copyChunk(SIMD16<UInt8>.self, source, to: target, at: 0)
        if count > 32 { copyMiddle(source, to: target, count: count) }
        copyChunk(SIMD16<UInt8>.self, source, to: target, at: count &- 16)
    } else if count >= 8 {
        copyChunk(UInt64.self, source, to: target, at: 0)
        copyChunk(UInt64.self, source, to: target, at: count &- 8)
    } else {
        for i in 0..<count { copyChunk(UInt8.self, source, to: target, at: i) }
    }
}

/// Copies more than 32 bytes, but for the first and the last sixteen.
@inline(never) @usableFromInline
func copyMiddle(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int) {
    memcpy(target + 16, source + 16, count - 32)
}

@inlinable @inline(__always)
func copyChunk<Chunk: BitwiseCopyable>(
    _ chunk: Chunk.Type, _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, at offset: Int
) {
    target.storeBytes(of: source.loadUnaligned(fromByteOffset: offset, as: chunk), toByteOffset: offset, as: chunk)
}
