import CLinux

/// Lets whoever waits for this processor have it, every tenth of a millisecond of a long piece of work.
///
/// Loading takes seconds, and shares its processors with those who answer meanwhile. Whatever its priority, Linux may let it go on
/// until the next tick of the clock, 4 ms, when another is woken; unless it asks now and then.
///
/// - Parameter step: which one of the work's steps this is. The clock is looked at once in 64 of them, which are to take less
///   than that time.
@inlinable @inline(__always)
public func giveWay(at step: Int) {
    if step & 63 == 0 { giveWay() }
}

@usableFromInline
func giveWay() { yield_if_due(100_000) }
