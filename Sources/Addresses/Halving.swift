/// Does one step of a binary search for the last of `count` elements from `first` on that is not above `key`: keeps the
/// half that contains it. The first element must not be above `key`. If one element is left, nothing changes.
///
/// The processor cannot predict which half that is. In a loop the compiler makes a branch of the choice, which is
/// mispredicted half of the time. A fixed chain of steps is faster, even if the last of them are not needed.
@inlinable @inline(__always)
func halve<Element: FixedWidthInteger>(
    _ first: inout UnsafePointer<Element>, _ count: inout Int, _ key: Element
) {
    let step = count &>> 1
    first = first[step] <= key ? first + step : first
    count &-= step
}
