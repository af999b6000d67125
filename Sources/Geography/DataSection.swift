import Glibc

/// The data section of a database, where its records are (MaxMind DB spec, "Data Section").
///
/// libmaxminddb reads a field by searching its record from the beginning, which for half a million records takes longer
/// than all else. Here a record is read once from end to end, and what several records point to is known by its offset.
struct DataSection {
    /// Valid as long as the database is open; less than 4 GiB.
    private let bytes: UnsafePointer<UInt8>
    /// The number of bytes.
    let count: UInt32
    /// How many more values may be skipped. In a sound file that is some for each record; a file made to hurt may have
    /// every one of a million records lead into the same mile of data.
    private let effort: UnsafeMutablePointer<Int>

    /// - Parameter effort: memory for a number, as long as the database is open.
    init(_ bytes: UnsafePointer<UInt8>, count: UInt32, effort: UnsafeMutablePointer<Int>) {
        self.bytes = bytes
        self.count = count
        self.effort = effort
        effort.initialize(to: (1 << 26) + 16 * Int(count))
    }

    /// Lets so many values be skipped from now on, however many there were before.
    func allow(effort: Int) { self.effort.pointee = effort }

    /// Why something cannot be read.
    struct Malformed: Error {
        var reason: StaticString
    }

    /// A value, as itself or as a pointer to it. Offsets are counted from the beginning of the
    /// data section.
    struct Value {
        var type: FieldType
        /// Bytes, or members of a container, or the value of a boolean.
        var size: UInt32
        /// Where the value begins; for a pointer, where it leads.
        var offset: UInt32
        /// Where its contents begin, right behind its header.
        var contents: UInt32
        /// Where what was written ends; 0 for a container, whose end is found by going through it.
        var next: UInt32
    }

    /// The format's numbers for types.
    struct FieldType: Equatable {
        var number: UInt8

        static var pointer: Self { Self(number: 1) }
        static var string: Self { Self(number: 2) }
        static var double: Self { Self(number: 3) }
        static var uint16: Self { Self(number: 5) }
        static var uint32: Self { Self(number: 6) }
        static var map: Self { Self(number: 7) }
        static var int32: Self { Self(number: 8) }
        static var uint64: Self { Self(number: 9) }
        static var array: Self { Self(number: 11) }
        static var cacheContainer: Self { Self(number: 12) }
        static var endMarker: Self { Self(number: 13) }
        static var boolean: Self { Self(number: 14) }
        static var float: Self { Self(number: 15) }
    }

    /// The key of an entry. Valid as long as the database is open.
    struct Key {
        let bytes: UnsafeRawBufferPointer
        /// Where the text is; the same for all that point to it.
        let offset: UInt32

        static func ~= (name: StaticString, key: Key) -> Bool {
            key.bytes.count == name.utf8CodeUnitCount
                && memcmp(key.bytes.baseAddress!, name.utf8Start, key.bytes.count) == 0
        }
    }

    /// Containers in containers, or pointers to pointers, are followed no deeper.
    private static let maximumDepth = 64

    @inline(__always)
    private func integer(at offset: UInt32, size: UInt32) throws(Malformed) -> UInt64 {
        guard size <= 8, offset <= count, size <= count - offset else { throw beyondTheEnd }
        var value: UInt64 = 0
        for i in 0..<size { value = value << 8 | UInt64(bytes[Int(offset + i)]) }
        return value
    }

    private var beyondTheEnd: Malformed { Malformed(reason: "a record reaches beyond the end of the data") }

    /// The value that begins at `offset`, or what a pointer there leads to: its offset only, for to read on there may cost more than
    /// all else, and often the offset is enough.
    @inline(__always)
    private func reference(at offset: UInt32) throws(Malformed) -> Value {
        guard offset < count, count - offset > 4, bytes[Int(offset)] >> 5 == FieldType.pointer.number else {
            return try otherReference(at: offset)
        }
        let control = UInt32(bytes[Int(offset)])
        let length = control >> 3 & 3 + 1
        let word = UInt32(
            bigEndian: UnsafeRawPointer(bytes + Int(offset) + 1).loadUnaligned(as: UInt32.self))
        let low = word >> (32 - 8 * length)
        let high = length == 4 ? 0 : (control & 7) << (8 * length)
        let base: UInt32 = length == 2 ? 2048 : length == 3 ? 526_336 : 0
        let target = base &+ high &+ low
        guard target < count else { throw Malformed(reason: "a pointer leads out of the data") }
        return Value(
            type: .pointer, size: control & 0x1f, offset: target, contents: offset + 1, next: offset + 1 + length)
    }

    /// The same for what is no pointer, and for the last bytes of all.
    @inline(never)
    private func otherReference(at offset: UInt32) throws(Malformed) -> Value {
        var written = try header(at: offset)
        guard written.type == .pointer else { return written }
        let length = written.size >> 3 + 1
        let low = UInt32(truncatingIfNeeded: try integer(at: written.contents, size: length))
        let high = length == 4 ? 0 : (written.size & 7) << (8 * length)
        let base: UInt32 = length == 2 ? 2048 : length == 3 ? 526_336 : 0
        written.offset = base &+ high &+ low
        guard written.offset < count else { throw Malformed(reason: "a pointer leads out of the data") }
        written.next = written.contents + length
        return written
    }

    /// The value that is meant, where only its offset may be known.
    @inline(__always)
    func resolve(_ value: Value) throws(Malformed) -> Value {
        guard value.type == .pointer else { return value }
        var target = try header(at: value.offset)
        guard target.type != .pointer else { throw Malformed(reason: "a pointer leads to a pointer") }
        target.next = value.next
        return target
    }

    /// The map of a record.
    func record(at offset: UInt32) throws(Malformed) -> Value { try resolve(try reference(at: offset)) }

    /// The value that a pointer to `offset` means, where its end is of no interest.
    func target(at offset: UInt32) throws(Malformed) -> Value {
        try resolve(Value(type: .pointer, size: 0, offset: offset, contents: offset, next: 0))
    }

    @inline(__always)
    private func header(at offset: UInt32) throws(Malformed) -> Value {
        guard offset < count else { throw beyondTheEnd }
        let control = bytes[Int(offset)]
        var contents = offset + 1
        var type = control >> 5
        if type == 0 {
            guard contents < count else { throw beyondTheEnd }
            type = bytes[Int(contents)] &+ 7
            contents += 1
            guard 8...15 ~= type else { throw Malformed(reason: "a value of an unknown type") }
        }
        var value = Value(
            type: FieldType(number: type), size: UInt32(control & 0x1f), offset: offset, contents: contents, next: 0)
        guard value.type != .pointer else { return value }
        if value.size >= 29 {
            let length = value.size - 28
            let base: UInt32 = length == 1 ? 29 : length == 2 ? 285 : 65_821
            value.size = base + UInt32(truncatingIfNeeded: try integer(at: contents, size: length))
            value.contents += length
        }
        guard value.type != .map, value.type != .array else { return value }
        let isMarker = value.type == .boolean || value.type == .cacheContainer || value.type == .endMarker
        value.next = value.contents + (isMarker ? 0 : value.size)
        guard value.next <= count else { throw beyondTheEnd }
        return value
    }

    /// Where what was written for `value` ends.
    @inline(__always)
    private func end(of value: Value) throws(Malformed) -> UInt32 {
        value.next != 0 ? value.next : try endOfContainer(value, depth: 0)
    }

    private func endOfContainer(_ value: Value, depth: Int) throws(Malformed) -> UInt32 {
        guard depth < Self.maximumDepth else { throw Malformed(reason: "a record is nested too deep") }
        var next = value.contents
        var members = value.type == .map ? 2 * value.size : value.size
        while members > 0 {
            try spendEffort()
            let member = try reference(at: next)
            next = member.next != 0 ? member.next : try endOfContainer(member, depth: depth + 1)
            members -= 1
        }
        return next
    }

    @inline(__always)
    private func spendEffort() throws(Malformed) {
        effort.pointee -= 1
        if effort.pointee < 0 { throw Malformed(reason: "its records overlap without end") }
    }

    /// How to go on behind an entry.
    enum Step {
        case next
        /// The value was gone through, and ends here.
        case nextAt(UInt32)
        /// Nothing more is wanted of this map.
        case stop
    }

    /// Calls `body` with each entry of a map; not at all for anything else.
    ///
    /// - Returns: where the map ends; 0 if it was not gone through to its end.
    @inline(__always)
    @discardableResult
    func forEachEntry(
        of map: Value, _ body: (_ key: Key, _ value: Value) throws(Malformed) -> Step
    ) throws(Malformed) -> UInt32 {
        try forEachPair(of: map) { reference, value throws(Malformed) in try body(try key(reference), value) }
    }

    /// The same, where the keys that are pointers need not be looked at: mostly it is known what they lead to.
    @inline(__always)
    @discardableResult
    func forEachPair(
        of map: Value, _ body: (_ key: Value, _ value: Value) throws(Malformed) -> Step
    ) throws(Malformed) -> UInt32 {
        let map = try resolve(map)
        guard map.type == .map else { return 0 }
        var next = map.contents
        for _ in 0..<map.size {
            try spendEffort()
            let key = try reference(at: next)
            guard key.next != 0 else { throw Malformed(reason: "a key is no text") }
            let value = try reference(at: key.next)
            switch try body(key, value) {
            case .next: next = try end(of: value)
            case .nextAt(let end): next = value.next != 0 ? value.next : end
            case .stop: return 0
            }
        }
        return next
    }

    /// The key that a map's entry has, or points to.
    @inline(__always)
    func key(_ reference: Value) throws(Malformed) -> Key {
        let key = try resolve(reference)
        guard key.type == .string else { throw Malformed(reason: "a key is no text") }
        return Key(bytes: contents(of: key), offset: key.offset)
    }

    /// Calls `body` with each element of an array; not at all for anything else.
    @inline(__always)
    func forEachElement(of array: Value, _ body: (_ value: Value) throws(Malformed) -> Void) throws(Malformed) {
        let array = try resolve(array)
        guard array.type == .array else { return }
        var next = array.contents
        for _ in 0..<array.size {
            try spendEffort()
            let value = try reference(at: next)
            try body(value)
            next = try end(of: value)
        }
    }

    /// The bytes of a text, whose end has been looked at.
    private func contents(of value: Value) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes + Int(value.contents), count: Int(value.size))
    }

    /// The bytes of the text that a value is, valid as long as the database is open; `nil` if it is something else.
    func text(_ value: Value) throws(Malformed) -> UnsafeRawBufferPointer? {
        let value = try resolve(value)
        return value.type == .string ? contents(of: value) : nil
    }

    /// The text that a value is; `nil` if it is something else.
    func string(_ value: Value) throws(Malformed) -> String? {
        try text(value).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether a value is a map.
    func isMap(_ value: Value) throws(Malformed) -> Bool { try resolve(value).type == .map }

    /// The number from 0 on that a value is, or that its text says; `nil` if it is something else, or one over 64 bits.
    func unsigned(_ value: Value) throws(Malformed) -> UInt64? {
        let value = try resolve(value)
        switch value.type {
        case .uint16, .uint32, .uint64:
            return value.size <= 8 ? try integer(at: value.contents, size: value.size) : nil
        case .int32:
            return try signed(value).flatMap { UInt64(exactly: $0) }
        case .string:
            return decimal(contents(of: value))
        default:
            return nil
        }
    }

    private func signed(_ value: Value) throws(Malformed) -> Int32? {
        guard value.size <= 4 else { return nil }
        return Int32(bitPattern: UInt32(truncatingIfNeeded: try integer(at: value.contents, size: value.size)))
    }

    /// The double that is written at `offset`; NaN if something else is, or nothing.
    ///
    /// It takes no branch that cannot be foreseen, so that the processor waits for the memory of several at once.
    @inline(__always)
    func likelyDouble(at offset: UInt32) -> Double {
        guard count > 9, offset < count - 9 else { return .nan }
        let start = UnsafeRawPointer(bytes + Int(offset))
        let bits = UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        return start.load(as: UInt8.self) == FieldType.double.number << 5 | 8 ? Double(bitPattern: bits) : .nan
    }

    /// The number that a value is, or that its text says, whole or with a fraction; `nil` if it is something else.
    func real(_ value: Value) throws(Malformed) -> Double? {
        let value = try resolve(value)
        switch value.type {
        case .double where value.size == 8:
            return Double(bitPattern: try integer(at: value.contents, size: 8))
        case .float where value.size == 4:
            return Double(Float(bitPattern: UInt32(try integer(at: value.contents, size: 4))))
        case .uint16, .uint32, .uint64:
            return value.size <= 8 ? Double(try integer(at: value.contents, size: value.size)) : nil
        case .int32:
            return try signed(value).map { Double($0) }
        case .string:
            return fraction(contents(of: value))
        default:
            return nil
        }
    }
}

/// The number that decimal digits say; `nil` for anything else.
func decimal(_ digits: some Collection<UInt8>) -> UInt64? {
    guard 1...19 ~= digits.count else { return nil }
    var number: UInt64 = 0
    for digit in digits {
        guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
        number = number * 10 + UInt64(digit - UInt8(ascii: "0"))
    }
    return number
}

/// The number that a text such as `-77.49` says; `nil` for anything else.
func fraction(_ text: some Collection<UInt8>) -> Double? {
    guard 1...32 ~= text.count,
        text.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || "+-.eE".utf8.contains($0) })
    else { return nil }
    return Double(String(decoding: text, as: UTF8.self))
}
