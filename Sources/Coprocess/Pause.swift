import Platform

/// The minimum time between two attempts.
struct Pause {
    /// In milliseconds.
    let length: Int
    /// When the last attempt began, in milliseconds on the monotonic clock.
    private var last: Int

    /// - Parameters:
    ///   - length: the minimum time, in milliseconds.
    ///   - isOver: whether the first attempt is due immediately.
    init(_ length: Int, isOver: Bool) {
        self.length = length
        last = isOver ? milliseconds() - length : milliseconds()
    }

    /// Whether an attempt is due. If it is, the next pause begins.
    mutating func takeTurn() -> Bool {
        guard milliseconds() - last >= length else { return false }
        begin()
        return true
    }

    mutating func begin() { last = milliseconds() }
}
