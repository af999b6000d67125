/// Returns about how many parts regcomp(3) makes of an extended regular expression, at least 1. The C library writes
/// what `+` and `{n}` repeat out as often as they say, so that repetitions of repetitions take exponential memory.
func expandedSize(ofRegularExpression text: String) -> Double {
    let bytes = Array(text.utf8)
    // The size before the last part, and of the last part, of each open group.
    var groups: [(before: Double, last: Double)] = [(0, 0)]
    func add(_ size: Double) { groups[groups.count - 1] = (groups.last!.before + groups.last!.last, size) }
    var position = 0
    while position < bytes.count {
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "("): groups.append((0, 0))
        case UInt8(ascii: ")") where groups.count > 1:
            let inner = groups.removeLast()
            add(inner.before + inner.last + 1)
        case UInt8(ascii: "+"): groups[groups.count - 1].last = 2 * groups.last!.last + 1
        case UInt8(ascii: "{"):
            let bounds = bytes[position...].prefix { $0 != UInt8(ascii: "}") }
            let numbers = bounds.split(separator: UInt8(ascii: ",")).map { Double(String(decoding: $0, as: UTF8.self)) }
            if let most = numbers.compactMap({ $0 }).max() {
                // Without a maximum, the last one is repeated once more.
                groups[groups.count - 1].last *= max(1, most + 1)
                position = min(bounds.endIndex + 1, bytes.count)
            } else {
                add(1)
            }
        case UInt8(ascii: "["):
            // A ] at the beginning is one of the characters.
            let start = position + (position < bytes.count && bytes[position] == UInt8(ascii: "^") ? 1 : 0)
            let rest = bytes[min(start + 1, bytes.count)...]
            position = rest.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } ?? bytes.count
            add(1)
        case UInt8(ascii: "\\"):
            position = min(position + 1, bytes.count)
            add(1)
        default: add(1)
        }
    }
    return groups.reduce(1) { $0 + $1.before + $1.last }
}
