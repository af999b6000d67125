import Glibc

/// Answers, collected until they are sent with one write.
///
/// Names and records are written as they are given: what could break a line must not get here.
public struct ReplyWriter: ~Copyable {
    /// As much is collected at most; an answer that is longer, such as a zone transfer, leaves in pieces. A page that is
    /// not reached takes no memory.
    private static let capacity = 1 << 20

    private let descriptor: CInt
    private var buffer: UnsafeMutableBufferPointer<UInt8>
    private var count = 0
    /// Nobody reads any more.
    private var isClosed = false

    /// A writer to `descriptor`, which stays the caller's to close.
    public init(descriptor: CInt) {
        self.descriptor = descriptor
        buffer = .allocate(capacity: Self.capacity)
    }

    deinit { buffer.deallocate() }

    /// `OK`: the answer to a `HELO` that is understood.
    public mutating func ok(banner: String) {
        append("OK\t")
        append(text: banner)
    }

    /// `LOG`: a line for the log of pdns. Only between a question and its `END` or `FAIL`.
    public mutating func log(_ message: String) {
        append("LOG\t")
        append(text: message)
    }

    /// A line of the answer to a command.
    public mutating func line(_ text: String) { append(text: text) }

    /// A part of an answer that another coprocess has given.
    public mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        if let source = bytes.baseAddress { memcpy(buffer.baseAddress! + count, source, bytes.count) }
        count += bytes.count
    }

    /// `END`: the answer is complete.
    public mutating func end() { append("END\n") }

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
    @inline(__always)
    public mutating func data(
        scope: UInt8, isAuthoritative: Bool, name: Span<UInt8>, head: Span<UInt8>, zoneID: Int, content: Span<UInt8>,
        version: ABIVersion
    ) {
        reserve(48 + name.count + head.count + content.count)
        append("DATA\t")
        if version.hasScope {
            append(decimal: scope)
            append(isAuthoritative ? "\t1\t" : "\t0\t")
        }
        append(name)
        append(head)
        append(decimal: zoneID)
        append("\t")
        append(content)
    }

    /// `DATA`: one record whose line is ready but for its beginning.
    ///
    /// - Parameters:
    ///   - scope: as for the other form.
    ///   - tail: all after the name, from the tab on, with the zone's id and the line's end.
    @inline(__always)
    public mutating func data(
        scope: UInt8, isAuthoritative: Bool, name: Span<UInt8>, tail: Span<UInt8>, version: ABIVersion
    ) {
        reserve(24 + name.count + tail.count)
        append("DATA\t")
        if version.hasScope {
            append(decimal: scope)
            append(isAuthoritative ? "\t1\t" : "\t0\t")
        }
        append(name)
        append(tail)
    }

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
        return !isClosed
    }

    private mutating func append(text: String) {
        for byte in text.utf8 {
            reserve(2)
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

    @inline(__always)
    private mutating func append(_ bytes: Span<UInt8>) {
        reserve(bytes.count)
        bytes.withUnsafeBufferPointer { bytes in
            if let source = bytes.baseAddress { memcpy(buffer.baseAddress! + count, source, bytes.count) }
        }
        count += bytes.count
    }

    private mutating func append(decimal number: Int) {
        guard number > 255 else { return append(decimal: UInt8(truncatingIfNeeded: number)) }
        append(decimal: number / 10)
        reserve(1)
        buffer[count] = UInt8(ascii: "0") + UInt8(number % 10)
        count += 1
    }

    @inline(__always)
    private mutating func append(decimal number: UInt8) {
        reserve(3)
        if number >= 100 {
            buffer[count] = UInt8(ascii: "0") + number / 100
            count += 1
        }
        if number >= 10 {
            buffer[count] = UInt8(ascii: "0") + number / 10 % 10
            count += 1
        }
        buffer[count] = UInt8(ascii: "0") + number % 10
        count += 1
    }

    /// Makes room for `length` more bytes.
    @inline(__always)
    private mutating func reserve(_ length: Int) {
        if buffer.count - count < length { makeRoom(length) }
    }

    @inline(never)
    private mutating func makeRoom(_ length: Int) {
        _ = send()
        guard buffer.count < length else { return }
        buffer.deallocate()
        buffer = .allocate(capacity: length)
    }
}
