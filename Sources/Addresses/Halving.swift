/// A step of a binary search for the last of `count` elements from `first` on that is not above `key`, which the first of them is
/// not: keeps the half that it is in. If one is left, nothing changes.
///
/// Which half that is cannot be foreseen. In a loop the compiler makes a branch of the choice, half of which the processor guesses
/// wrong; a chain of steps is faster, even if some of them are one too many.
@inlinable @inline(__always)
func halve<Element: FixedWidthInteger>(
    _ first: inout UnsafePointer<Element>, _ count: inout Int, _ key: Element
) {
    let step = count &>> 1
    first = first[step] <= key ? first + step : first
    count &-= step
}
