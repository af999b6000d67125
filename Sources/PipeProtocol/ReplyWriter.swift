import Glibc

/// Collects answers, and sends them with one write.
///
/// Names and records are written unchanged: the caller must not pass tabs or line ends in them.
///
/// ```swift
/// var reply = ReplyWriter(descriptor: STDOUT_FILENO)
/// let name = Array("www.example.com".utf8)
/// let tail = Array("\tIN\tA\t60\t1\t192.0.2.1\n".utf8)
/// reply.data(scope: 24, isAuthoritative: true, name: name.span, tail: tail.span, version: ABIVersion(3)!)
/// reply.end()
/// _ = reply.send()   // DATA 24 1 www.example.com IN A 60 1 192.0.2.1, with tabs between the fields, and END
/// ```
public struct ReplyWriter: ~Copyable {
    /// The size of the buffer in bytes. A longer answer, such as a zone transfer, is sent in pieces. Untouched pages
    /// are never committed.
    private static let capacity = 1 << 20

    @usableFromInline let descriptor: CInt
    @usableFromInline var buffer: UnsafeMutableBufferPointer<UInt8>
    @usableFromInline var count = 0
    /// Whether nothing more can be sent.
    private var isClosed = false
    /// The `errno` of a write that failed for another reason than a closed peer, such as `ENOSPC`; 0 if there is none.
    public private(set) var failure: CInt = 0
    /// Whether the buffer was too small, so that a part of what is collected has been sent already.
    public private(set) var hasSentPart = false
    private let partSent: () -> Void
    /// The text of a line between its tag and its name, for each scope with `auth` 0 and 1.
    @usableFromInline let qualifiers: UnsafeMutablePointer<Qualifier>

    /// The scope and the `auth` flag, each followed by a tab; at most 6 bytes.
    @usableFromInline
    struct Qualifier {
        /// The text, the first byte in the lowest bits.
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
    ///   - descriptor: where answers go; the caller closes it.
    ///   - partSent: called after a part was sent because the buffer was full. The part ends with a line end.
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

    /// Writes `OK`: the answer to a supported `HELO`.
    public mutating func ok(banner: String) {
        append("OK\t", banner)
    }

    /// Writes `LOG`: a line for the log of pdns. Allowed only between a question and its `END` or `FAIL`.
    public mutating func log(_ message: String) {
        append("LOG\t", message)
    }

    /// Writes a line of the answer to a command.
    public mutating func line(_ text: String) { append("", text) }

    /// Writes a part of an answer that another coprocess has made.
    public mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        if let source = bytes.baseAddress { memcpy(buffer.baseAddress! + count, source, bytes.count) }
        count += bytes.count
    }

    /// Writes `END`: the answer is complete.
    @inlinable @inline(__always)
    public mutating func end() {
        reserve(4)
        let target = UnsafeMutableRawPointer(buffer.baseAddress! + count)
        target.storeBytes(of: (0x0a44_4e45 as UInt32).littleEndian, as: UInt32.self)
        count &+= 4
    }

    /// Writes `FAIL`: there is no answer; pdns answers SERVFAIL and caches nothing.
    public mutating func fail() { append("FAIL\n") }

    /// Writes `DATA`: one record.
    ///
    /// - Parameters:
    ///   - scope: the EDNS scope prefix length, 0...128; written from ABI version 3 on, like `isAuthoritative`.
    ///   - name: the owner name as it was asked.
    ///   - classTypeTTL: the text between the name and the zone's id, including the tabs around it: class, type, TTL.
    ///   - zoneID: at least 0.
    ///   - content: the record's data and the line end.
    public mutating func data(
        scope: UInt8, isAuthoritative: Bool, name: Span<UInt8>, head classTypeTTL: Span<UInt8>, zoneID: Int,
        content: Span<UInt8>,
        version: ABIVersion
    ) {
        reserve(Self.maxPrefix + name.count + classTypeTTL.count + Self.maxDigits + 1 + content.count)
        begin(scope: scope, isAuthoritative: isAuthoritative, version)
        put(name)
        put(classTypeTTL)
        put(decimal: zoneID)
        put(byte: UInt8(ascii: "\t"))
        put(content)
    }

    /// Writes `DATA`: one record whose line is ready from the end of the name on.
    ///
    /// - Parameters:
    ///   - scope: see the other function.
    ///   - tail: the text after the name: from the tab to the line end, including the zone's id.
    @inlinable @inline(__always)
    public mutating func data(
        scope: UInt8, isAuthoritative: Bool, name: Span<UInt8>, tail: Span<UInt8>, version: ABIVersion
    ) {
        reserve(Self.maxPrefix &+ name.count &+ tail.count)
        begin(scope: scope, isAuthoritative: isAuthoritative, version)
        put(name)
        put(tail)
    }

    /// Whether nothing is waiting to be sent.
    public var isEmpty: Bool { count == 0 }

    /// Sends all collected answers.
    ///
    /// - Returns: false if the peer has closed its end, or for the reason in `failure`.
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
                if errno != EPIPE { failure = errno }
            }
        }
        count = 0
        hasSentPart = false
        return !isClosed
    }

    /// Appends a line, with a space for each control character of `text`.
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

    /// Room for the text before a name, `DATA` and a qualifier, which `begin` writes with two stores of eight bytes.
    @inlinable static var maxPrefix: Int { 16 }
    /// The number of digits of the largest `Int`.
    private static var maxDigits: Int { 19 }

    // The functions from here on do not check for room: `reserve` has made room for the whole line.

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
        while length < Self.maxDigits, number >= power {
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

    /// Makes room for `length` more bytes: sends what is collected if necessary, and enlarges the buffer if that is
    /// not enough.
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

/// Copies bytes inline, because they are usually few. The last chunk overlaps the one before it, so that it ends
/// exactly with the last byte.
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

/// Copies more than 32 bytes except the first and the last sixteen.
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
