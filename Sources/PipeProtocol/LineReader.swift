import Glibc

/// Lines from a file descriptor, as many at a time as have come.
///
/// A line ends with LF or CR LF; the last may end with the input. Of a line longer than `LineReader.limit` nothing is kept
/// but that it was there.
public struct LineReader: ~Copyable {
    /// The longest line that is read, in bytes, without its end.
    @inlinable public static var limit: Int { 65_536 }

    private let descriptor: CInt
    @usableFromInline let buffer: UnsafeMutableBufferPointer<UInt8>
    /// Where what has been read and not been given out begins.
    @usableFromInline var start = 0
    /// Where what has been read ends.
    @usableFromInline var end = 0
    /// No unread line feed is before this place.
    @usableFromInline var searched = 0
    /// The line at hand is too long, and what has come of it was dropped.
    @usableFromInline var isOverlong = false
    private var hasEnded = false

    /// A reader of `descriptor`, which stays the caller's to close.
    public init(descriptor: CInt) {
        self.descriptor = descriptor
        buffer = .allocate(capacity: 2 * (Self.limit + 2))
    }

    deinit { buffer.deallocate() }

    /// A line, or the end of one that was too long to keep.
    public enum Line {
        case text(UnsafeBufferPointer<UInt8>)
        case tooLong(UnsafeBufferPointer<UInt8>)
    }

    /// The next line that has come whole; `nil` if more must be read first. It is valid until the next `read`.
    @inlinable @inline(__always)
    public mutating func next() -> Line? {
        guard let base = buffer.baseAddress, searched < end,
            let lineFeed = memchr(base + searched, CInt(UInt8(ascii: "\n")), end &- searched)
        else { return unended() }
        let next = UnsafeMutableRawPointer(base).distance(to: lineFeed)
        return take(upTo: next, resumeAt: next &+ 1)
    }

    /// What there is of a line without an end, if no more can come.
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

    /// What has been read and has not been given out. It is valid until the next `read`.
    public var input: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: buffer.baseAddress.map { UnsafePointer($0 + start) }, count: end - start)
    }

    /// Takes what is in a file before what comes from the descriptor. To be called first.
    ///
    /// - Parameter file: emptied by this; below 3 if there is none.
    /// - Returns: whether there was anything.
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

    /// Whether no part of a line has come.
    public var isEmpty: Bool { start == end && !isOverlong }

    /// Gives way to other threads, without sleeping, until there is input.
    ///
    /// It looks with poll(2), for a descriptor that does not block would not block for its other holders either.
    ///
    /// - Parameter isInTime: whether to go on waiting; called between two looks.
    /// - Returns: how the input came that `read` can take now, be it the end of all input; `asleep` if there is none.
    public func giveWay(while isInTime: () -> Bool) -> WaitPolicy.Arrival {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var arrival = WaitPolicy.Arrival.atOnce
        while poll(&request, 1, 0) == 0 {
            guard isInTime() else { return .asleep }
            sched_yield()
            arrival = .awake
        }
        return request.revents != 0 ? arrival : .asleep
    }

    /// Waits for input and takes what there is. All lines must have been taken by `next`. A signal ends the wait, too.
    ///
    /// - Returns: false if the input has ended, or cannot be read any more.
    public mutating func read() -> Bool {
        guard !hasEnded, let base = buffer.baseAddress else { return false }
        // A line feed and a carriage return may still come after the longest line.
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

/// Waits until a descriptor that does not block can be used again; false if it never will.
func wait(for descriptor: CInt, _ events: CInt) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while poll(&request, 1, -1) < 0 {
        guard errno == EINTR else { return false }
    }
    return request.revents & Int16(POLLNVAL) == 0
}
