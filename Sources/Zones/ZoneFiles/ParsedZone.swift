import DNS
import Platform

/// A zone while it is built from zone files and the configuration: its names, records and services, and the
/// diagnostics.
struct ParsedZone {
    let apex: DomainName
    private(set) var names: NameSet
    private(set) var records: [Entry] = []
    /// The texts of all records, one after another.
    private(set) var texts: [UInt8] = []
    /// The service of each name that has one.
    private(set) var services: [Int32: Int32] = [:]
    /// The place where the service of a name is configured.
    private(set) var servicePlaces: [Int32: Place] = [:]
    private(set) var problems: [Diagnostic] = []
    private var scratch: [UInt8] = []

    static let dsAtApex =
        "a DS record at the apex is left out, because pdns does not serve it; it belongs in the parent zone (RFC 4034 section 5)"

    /// A record. Its text, in the form of pdns, is in `texts`.
    struct Entry {
        var name: Int32
        var type: RecordType
        /// The TTL in seconds.
        var ttl: UInt32
        var textStart: Int
        var textLength: Int32
        /// Where the record was written.
        var place: Place

        var textRange: Range<Int> { textStart..<(textStart + Int(textLength)) }
    }

    /// The origin of a record or a service.
    enum Place {
        /// An offset in the zone's file of that number.
        case file(Int32, offset: Int)
        case configuration(SourcePosition?)

        var isInFile: Bool {
            switch self {
            case .file: true
            case .configuration: false
            }
        }
    }

    /// An error or a warning.
    struct Diagnostic {
        var place: Place?
        var message: String
        var isWarning: Bool
    }

    init(apex: DomainName) {
        self.apex = apex
        names = NameSet(apex: apex.key)
    }

    mutating func diagnose(_ place: Place?, _ message: String) {
        problems.append(Diagnostic(place: place, message: message, isWarning: false))
    }

    mutating func warn(_ place: Place?, _ message: String) {
        problems.append(Diagnostic(place: place, message: message, isWarning: true))
    }

    /// Adds a name in wire format, and returns its number; `nil` if it is not in the zone.
    mutating func insert(wire: Span<UInt8>) -> Int32? {
        var i = 0
        while wire.count - i > apex.wire.count { i += Int(wire[i]) + 1 }
        guard wire.count - i == apex.wire.count else { return nil }
        for j in 0..<apex.wire.count where lowerCase(wire[i + j]) != lowerCase(apex.wire[j]) { return nil }
        scratch.removeAll(keepingCapacity: true)
        DomainName.appendPresentation(ofWire: wire, to: &scratch)
        for i in scratch.indices { scratch[i] = lowerCase(scratch[i]) }
        let key = scratch
        return Int32(names.insert(key.span))
    }

    /// Adds a name of one label below another, and returns its number.
    ///
    /// - Parameters:
    ///   - label: graphic ASCII without dots and backslashes, at most 63 bytes.
    ///   - parent: the key of a name in the zone, which is not the root.
    mutating func insert(label: UnsafeBufferPointer<UInt8>, below parent: [UInt8]) -> Int32 {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: label)
        for i in scratch.indices { scratch[i] = lowerCase(scratch[i]) }
        scratch.append(UInt8(ascii: "."))
        scratch.append(contentsOf: parent)
        let key = scratch
        return Int32(names.insert(key.span))
    }

    mutating func append(name: Int32, type: RecordType, ttl: UInt32, text: Span<UInt8>, place: Place) {
        records.append(
            Entry(
                name: name, type: type, ttl: ttl, textStart: texts.count, textLength: Int32(text.count), place: place))
        text.withUnsafeBufferPointer { texts.append(contentsOf: $0) }
    }

    /// Replaces the text of the record at a position.
    mutating func setText(_ text: [UInt8], ofRecord position: Int) {
        records[position].textStart = texts.count
        records[position].textLength = Int32(text.count)
        texts += text
    }

    mutating func setService(_ service: Int32, at name: Int32, place: Place) {
        services[name] = service
        servicePlaces[name] = place
    }

    mutating func removeRecords(where isRemoved: (Entry) -> Bool) { records.removeAll(where: isRemoved) }

    func string(of entry: Entry) -> String { String(decoding: texts[entry.textRange], as: UTF8.self) }
}
