import Glibc

/// Reads lines from a file descriptor. One `read` may bring several lines.
///
/// A line ends with LF or CR LF; the last one may end with the input. The text of a line longer than
/// `LineReader.limit` is dropped.
///
/// ```swift
/// var reader = LineReader(descriptor: STDIN_FILENO)
/// repeat {
///     while let line = reader.next() {
///         switch line {
///         case .text(let bytes): answer(bytes)
///         case .tooLong: answerOverlongLine()
///         }
///     }
/// } while reader.read()
/// ```
public struct LineReader: ~Copyable {
    /// The length of the longest line that is kept, in bytes, without its line end.
    @inlinable public static var limit: Int { 65_536 }

    private let descriptor: CInt
    @usableFromInline let buffer: UnsafeMutableBufferPointer<UInt8>
    /// The start of the input that has been read and not yet returned by `next`.
    @usableFromInline var start = 0
    /// The end of the input that has been read.
    @usableFromInline var end = 0
    /// There is no line feed between `start` and this position.
    @usableFromInline var searched = 0
    /// Whether the current line is too long, and its beginning was dropped.
    @usableFromInline var isOverlong = false
    private var hasEnded = false

    /// Makes a reader of `descriptor`, which the caller closes.
    public init(descriptor: CInt) {
        self.descriptor = descriptor
        buffer = .allocate(capacity: 2 * (Self.limit + 2))
    }

    deinit { buffer.deallocate() }

    /// A line, or the end of a line that was too long to keep.
    public enum Line {
        /// A whole line, without its line end.
        case text(UnsafeBufferPointer<UInt8>)
        /// The last bytes of a line longer than `LineReader.limit`, without its line end.
        case tooLong(UnsafeBufferPointer<UInt8>)
    }

    /// Returns the next complete line; `nil` if more input must be read first. It is valid until the next `read`.
    @inlinable @inline(__always)
    public mutating func next() -> Line? {
        guard let base = buffer.baseAddress, searched < end,
            let lineFeed = memchr(base + searched, CInt(UInt8(ascii: "\n")), end &- searched)
        else { return unended() }
        let next = UnsafeMutableRawPointer(base).distance(to: lineFeed)
        return take(upTo: next, resumeAt: next &+ 1)
    }

    /// Returns the rest of the input as a line if the input has ended.
    @usableFromInline
    mutating func unended() -> Line? {
        searched = end
        guard hasEnded, start < end || isOverlong else { return nil }
        return take(upTo: end, resumeAt: end)
    }

    @inlinable @inline(__always)
    mutating func take(upTo lineEnd: Int, resumeAt next: Int) -> Line {
        let first = buffer.baseAddress! + start
        var length = lineEnd &- start
        start = next
        searched = next
        if length > 0, first[length &- 1] == UInt8(ascii: "\r") { length &-= 1 }
        let text = UnsafeBufferPointer(start: first, count: length)
        guard !isOverlong, length <= Self.limit else {
            isOverlong = false
            return .tooLong(text)
        }
        return .text(text)
    }

    /// The input that has been read and not yet returned by `next`. It is valid until the next `read`.
    public var input: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: buffer.baseAddress.map { UnsafePointer($0 + start) }, count: end - start)
    }

    /// Takes the content of a file as input that precedes that of the descriptor. Must be called before `read`.
    ///
    /// - Parameter file: a file that this empties; below 3 if there is none.
    /// - Returns: whether there is any input now.
    public mutating func take(file: CInt) -> Bool {
        guard file >= 3, let base = buffer.baseAddress else { return false }
        defer {
            ftruncate(file, 0)
            lseek(file, 0, SEEK_SET)
        }
        while end < buffer.count {
            let count = Glibc.read(file, base + end, buffer.count - end)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            end += count
        }
        return end > 0
    }

    /// Whether no part of a line is waiting in the buffer.
    public var isEmpty: Bool { start == end && !isOverlong }

    /// Waits for input without sleeping: polls and yields the processor to other threads.
    ///
    /// It uses poll(2) and not a non-blocking read, because O_NONBLOCK would hold for the other processes that share
    /// the descriptor, too.
    ///
    /// - Parameter isInTime: whether to go on waiting; called between two polls.
    /// - Returns: how the input arrived that `read` can take now, which may be the end of input; `asleep` if there is
    ///   none.
    public func yieldCPU(while isInTime: () -> Bool) -> WaitPolicy.Arrival {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var arrival = WaitPolicy.Arrival.atOnce
        while poll(&request, 1, 0) == 0 {
            guard isInTime() else { return .asleep }
            sched_yield()
            arrival = .awake
        }
        return request.revents != 0 ? arrival : .asleep
    }

    /// Waits for input and reads what is available. Call it only after `next` has returned `nil`. A signal ends the
    /// wait, too.
    ///
    /// - Returns: false if the input has ended or cannot be read any more.
    public mutating func read() -> Bool {
        guard !hasEnded, let base = buffer.baseAddress else { return false }
        // A carriage return and a line feed may still follow the longest line.
        if isOverlong || end - start > Self.limit + 1 {
            isOverlong = true
            (start, end) = (0, 0)
        } else if start > 0 {
            memmove(base, base + start, end - start)
            (start, end) = (0, end - start)
        }
        searched = end
        while true {
            let count = Glibc.read(descriptor, base + end, buffer.count - end)
            if count > 0 {
                end += count
                return true
            }
            if count < 0, errno == EINTR { return true }
            if count < 0, errno == EAGAIN, wait(for: descriptor, CInt(POLLIN)) { continue }
            hasEnded = true
            return isOverlong || start < end
        }
    }
}

/// Waits until a non-blocking descriptor is ready; false if it never will be.
func wait(for descriptor: CInt, _ events: CInt) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while poll(&request, 1, -1) < 0 {
        guard errno == EINTR else { return false }
    }
    return request.revents & Int16(POLLNVAL) == 0
}
