import Glibc

/// Lines from a file descriptor, as many at a time as have come.
///
/// A line ends with LF or CR LF; the last may end with the input. Of a line longer than `LineReader.limit` nothing is kept
/// but that it was there.
public struct LineReader: ~Copyable {
    /// The longest line that is read, in bytes, without its end.
    public static let limit = 65_536

    private let descriptor: CInt
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    /// What has been read and not been given out.
    private var unread = 0..<0
    /// No line feed is before this place in the unread bytes.
    private var searched = 0
    /// The line at hand is too long, and what has come of it was dropped.
    private var isOverlong = false
    private var hasEnded = false

    /// A reader of `descriptor`, which stays the caller's to close.
    public init(descriptor: CInt) {
        self.descriptor = descriptor
        buffer = .allocate(capacity: 2 * (Self.limit + 2))
    }

    deinit { buffer.deallocate() }

    /// A line, or that it was too long to keep.
    public enum Line {
        case text(UnsafeBufferPointer<UInt8>)
        case tooLong
    }

    /// The next line that has come whole; `nil` if more must be read first. It is valid until the next `read`.
    public mutating func next() -> Line? {
        if let lineFeed = find(UInt8(ascii: "\n"), from: searched) {
            return take(upTo: lineFeed, resumeAt: lineFeed + 1)
        }
        searched = unread.upperBound
        guard hasEnded, !unread.isEmpty || isOverlong else { return nil }
        return take(upTo: unread.upperBound, resumeAt: unread.upperBound)
    }

    private mutating func take(upTo end: Int, resumeAt next: Int) -> Line {
        let start = unread.lowerBound
        unread = next..<unread.upperBound
        searched = next
        defer { isOverlong = false }
        var length = end - start
        if length > 0, buffer[end - 1] == UInt8(ascii: "\r") { length -= 1 }
        guard !isOverlong, length <= Self.limit else { return .tooLong }
        return .text(UnsafeBufferPointer(start: buffer.baseAddress! + start, count: length))
    }

    private func find(_ byte: UInt8, from start: Int) -> Int? {
        guard start < unread.upperBound, let base = buffer.baseAddress,
            let found = memchr(base + start, CInt(byte), unread.upperBound - start)
        else { return nil }
        return UnsafeMutableRawPointer(base).distance(to: found)
    }

    /// Whether no part of a line has come.
    public var isEmpty: Bool { unread.isEmpty && !isOverlong }

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
        if isOverlong || unread.count > Self.limit + 1 {
            isOverlong = true
            unread = 0..<0
        } else if unread.lowerBound > 0 {
            memmove(base, base + unread.lowerBound, unread.count)
            unread = 0..<unread.count
        }
        searched = unread.upperBound
        while true {
            let count = Glibc.read(descriptor, base + unread.upperBound, buffer.count - unread.upperBound)
            if count > 0 {
                unread = 0..<(unread.upperBound + count)
                return true
            }
            if count < 0, errno == EINTR { return true }
            if count < 0, errno == EAGAIN, wait(for: descriptor, CInt(POLLIN)) { continue }
            hasEnded = true
            return isOverlong || !unread.isEmpty
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
