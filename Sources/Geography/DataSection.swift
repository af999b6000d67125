import Glibc

/// The data section of a database, which contains its records (MaxMind DB spec, "Data Section").
///
/// A record is read once from end to end, instead of being searched for each field. Values that several records point
/// to are recognized by their offset, and read once.
struct DataSection {
    /// The data, valid as long as the database is open; less than 4 GiB.
    private let bytes: UnsafePointer<UInt8>
    /// The number of bytes.
    let count: UInt32
    /// The number of values that may still be read. It bounds the work: a malicious file can point a million records at
    /// the same long run of data.
    private let workBudget: UnsafeMutablePointer<Int>

    /// Makes a view of `count` bytes of data.
    ///
    /// - Parameter workBudget: memory for a number, valid as long as the database is open.
    init(_ bytes: UnsafePointer<UInt8>, count: UInt32, workBudget: UnsafeMutablePointer<Int>) {
        self.bytes = bytes
        self.count = count
        self.workBudget = workBudget
        workBudget.initialize(to: (1 << 26) + 16 * Int(count))
    }

    /// Sets the number of values that may be read from now on.
    func limitWork(to budget: Int) { workBudget.pointee = budget }

    /// Why data cannot be read.
    struct Malformed: Error {
        var reason: StaticString
    }

    /// A value or a pointer to a value. Offsets are counted from the beginning of the data section.
    struct Value {
        var type: FieldType
        /// The number of bytes, the number of members of a container, or the value of a boolean.
        var size: UInt32
        /// The start of the value; for a pointer, its target.
        var offset: UInt32
        /// The start of the content, after the header.
        var contents: UInt32
        /// The offset just past the encoded value or pointer; 0 for a container, whose end is found only by reading it.
        var next: UInt32
    }

    /// A type by its number in the format.
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
        /// The offset of the text, which is the same for all pointers to it.
        let offset: UInt32

        static func ~= (name: StaticString, key: Key) -> Bool {
            key.bytes.count == name.utf8CodeUnitCount
                && memcmp(key.bytes.baseAddress!, name.utf8Start, key.bytes.count) == 0
        }
    }

    /// The largest depth of nested containers.
    private static let maximumDepth = 64

    @inline(__always)
    private func integer(at offset: UInt32, size: UInt32) throws(Malformed) -> UInt64 {
        guard size <= 8, offset <= count, size <= count - offset else { throw pastTheEnd }
        var value: UInt64 = 0
        for i in 0..<size { value = value << 8 | UInt64(bytes[Int(offset + i)]) }
        return value
    }

    private var pastTheEnd: Malformed { Malformed(reason: "a record extends past the end of the data") }

    /// Reads the value at `offset`. Of a pointer it reads only the target's offset: reading the target may miss the
    /// cache, and often the offset is enough.
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
        guard target < count else { throw Malformed(reason: "a pointer leads outside of the data") }
        return Value(
            type: .pointer, size: control & 0x1f, offset: target, contents: offset + 1, next: offset + 1 + length)
    }

    /// Does the same for values that are not pointers, and for the last bytes of the data.
    @inline(never)
    private func otherReference(at offset: UInt32) throws(Malformed) -> Value {
        var written = try header(at: offset)
        guard written.type == .pointer else { return written }
        let length = written.size >> 3 + 1
        let low = UInt32(truncatingIfNeeded: try integer(at: written.contents, size: length))
        let high = length == 4 ? 0 : (written.size & 7) << (8 * length)
        let base: UInt32 = length == 2 ? 2048 : length == 3 ? 526_336 : 0
        written.offset = base &+ high &+ low
        guard written.offset < count else { throw Malformed(reason: "a pointer leads outside of the data") }
        written.next = written.contents + length
        return written
    }

    /// Follows a pointer; returns other values unchanged. `next` stays the offset just past the pointer.
    @inline(__always)
    func resolve(_ value: Value) throws(Malformed) -> Value {
        guard value.type == .pointer else { return value }
        var target = try header(at: value.offset)
        guard target.type != .pointer else { throw Malformed(reason: "a pointer leads to a pointer") }
        target.next = value.next
        return target
    }

    /// Returns the map of the record at `offset`.
    func record(at offset: UInt32) throws(Malformed) -> Value { try resolve(try reference(at: offset)) }

    /// Returns the value at `offset`. Its `next` is not valid.
    func target(at offset: UInt32) throws(Malformed) -> Value {
        try resolve(Value(type: .pointer, size: 0, offset: offset, contents: offset, next: 0))
    }

    @inline(__always)
    private func header(at offset: UInt32) throws(Malformed) -> Value {
        guard offset < count else { throw pastTheEnd }
        let control = bytes[Int(offset)]
        var contents = offset + 1
        var type = control >> 5
        if type == 0 {
            guard contents < count else { throw pastTheEnd }
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
        guard value.next <= count else { throw pastTheEnd }
        return value
    }

    /// Returns the offset just past the encoded value.
    @inline(__always)
    private func end(of value: Value) throws(Malformed) -> UInt32 {
        value.next != 0 ? value.next : try endOfContainer(value, depth: 0)
    }

    private func endOfContainer(_ value: Value, depth: Int) throws(Malformed) -> UInt32 {
        guard depth < Self.maximumDepth else { throw Malformed(reason: "a record is nested too deep") }
        var next = value.contents
        var members = value.type == .map ? 2 * value.size : value.size
        while members > 0 {
            try consumeBudget()
            let member = try reference(at: next)
            next = member.next != 0 ? member.next : try endOfContainer(member, depth: depth + 1)
            members -= 1
        }
        return next
    }

    @inline(__always)
    private func consumeBudget() throws(Malformed) {
        workBudget.pointee -= 1
        if workBudget.pointee < 0 { throw Malformed(reason: "records are nested or shared too heavily") }
    }

    /// How to go on after an entry of a map.
    enum Step {
        case next
        /// The value has been read to its end, which is this offset.
        case nextAt(UInt32)
        /// No more entries of this map are needed.
        case stop
    }

    /// Calls `body` with each entry of a map. Ignores values of other types.
    ///
    /// - Returns: the offset just past the map; 0 if it was not read to its end.
    @inline(__always)
    @discardableResult
    func forEachEntry(
        of map: Value, _ body: (_ key: Key, _ value: Value) throws(Malformed) -> Step
    ) throws(Malformed) -> UInt32 {
        try forEachPair(of: map) { reference, value throws(Malformed) in try body(try key(reference), value) }
    }

    /// Does the same without following pointers to keys, because their targets are usually known by offset.
    @inline(__always)
    @discardableResult
    func forEachPair(
        of map: Value, _ body: (_ key: Value, _ value: Value) throws(Malformed) -> Step
    ) throws(Malformed) -> UInt32 {
        let map = try resolve(map)
        guard map.type == .map else { return 0 }
        var next = map.contents
        for _ in 0..<map.size {
            try consumeBudget()
            let key = try reference(at: next)
            guard key.next != 0 else { throw Malformed(reason: "a map key is not a string") }
            let value = try reference(at: key.next)
            switch try body(key, value) {
            case .next: next = try end(of: value)
            case .nextAt(let end): next = value.next != 0 ? value.next : end
            case .stop: return 0
            }
        }
        return next
    }

    /// Returns the key of a map's entry, and follows a pointer to it.
    @inline(__always)
    func key(_ reference: Value) throws(Malformed) -> Key {
        let key = try resolve(reference)
        guard key.type == .string else { throw Malformed(reason: "a map key is not a string") }
        return Key(bytes: contents(of: key), offset: key.offset)
    }

    /// Calls `body` with each element of an array. Ignores values of other types.
    @inline(__always)
    func forEachElement(of array: Value, _ body: (_ value: Value) throws(Malformed) -> Void) throws(Malformed) {
        let array = try resolve(array)
        guard array.type == .array else { return }
        var next = array.contents
        for _ in 0..<array.size {
            try consumeBudget()
            let value = try reference(at: next)
            try body(value)
            next = try end(of: value)
        }
    }

    /// Returns the bytes of a string. `header` has checked that they are inside the data.
    private func contents(of value: Value) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes + Int(value.contents), count: Int(value.size))
    }

    /// Returns the bytes of a string, valid as long as the database is open; `nil` for a value of another type.
    func text(_ value: Value) throws(Malformed) -> UnsafeRawBufferPointer? {
        let value = try resolve(value)
        return value.type == .string ? contents(of: value) : nil
    }

    /// Returns a string; `nil` for a value of another type.
    func string(_ value: Value) throws(Malformed) -> String? {
        try text(value).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether a value is a map.
    func isMap(_ value: Value) throws(Malformed) -> Bool { try resolve(value).type == .map }

    /// Returns a non-negative integer, also from decimal digits in a string; `nil` for other values and integers of
    /// more than 64 bits.
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

    /// Returns the double at `offset`; NaN if there is another value or none.
    ///
    /// It has no unpredictable branch, so that the processor waits for the memory of several calls at once.
    @inline(__always)
    func likelyDouble(at offset: UInt32) -> Double {
        guard count > 9, offset < count - 9 else { return .nan }
        let start = UnsafeRawPointer(bytes + Int(offset))
        let bits = UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        return start.load(as: UInt8.self) == FieldType.double.number << 5 | 8 ? Double(bitPattern: bits) : .nan
    }

    /// Returns a number, also from a string; `nil` for other values.
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

/// Returns the number of 1 to 19 decimal digits; `nil` for any other text.
func decimal(_ digits: some Collection<UInt8>) -> UInt64? {
    guard 1...19 ~= digits.count else { return nil }
    var number: UInt64 = 0
    for digit in digits {
        guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
        number = number * 10 + UInt64(digit - UInt8(ascii: "0"))
    }
    return number
}

/// Returns the number of a text such as `-77.49`; `nil` for any other text.
func fraction(_ text: some Collection<UInt8>) -> Double? {
    guard 1...32 ~= text.count,
        text.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || "+-.eE".utf8.contains($0) })
    else { return nil }
    return Double(String(decoding: text, as: UTF8.self))
}
