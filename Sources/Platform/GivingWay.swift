import Glibc

/// Lets whoever waits for this processor have it, at some of the steps of a long piece of work.
///
/// Loading takes seconds, and shares its processors with those who answer meanwhile. Whatever its priority, Linux may let it go on
/// until the next tick of the clock, 4 ms, when another is woken; unless it asks now and then.
///
/// - Parameters:
///   - step: which one this is.
///   - count: of so many steps one asks; so many are to take no more than a tenth of a millisecond.
@inlinable @inline(__always)
public func giveWay(at step: Int, every count: Int = 64) {
    if step % count == 0 { sched_yield() }
}
