/// A line from pdns. Fields are byte positions in that line.
///
/// ```swift
/// let line: [UInt8] = Array("Q\twww.example.com\tIN\tANY\t-1\t192.0.2.53\t198.51.100.1\t203.0.113.0/24".utf8)
/// if case .question(let question) = try Request(line.span, version: ABIVersion(3)) {
///     let name = line[question.name]                 // www.example.com
///     let subnet = line[question.clientSubnet]       // 203.0.113.0/24
/// }
/// ```
public enum Request: Equatable, Sendable {
    /// `HELO version`: the handshake.
    case hello(ABIVersion)
    /// `Q …`: a question for the records of a name.
    case question(Question)
    /// `AXFR id [zone]`: a request for all records of a zone.
    case transfer(Transfer)
    /// `CMD text`: an operator's command.
    case command(words: Range<Int>)

    /// The fields of a `Q` line.
    public struct Question: Equatable, Sendable {
        /// The qname in presentation format, as it was asked; not empty.
        public var name: Range<Int>
        /// The qclass; pdns always sends `IN`.
        public var recordClass: Range<Int>
        /// The qtype: a mnemonic or `ANY`.
        public var type: Range<Int>
        /// The id of the zone, which pdns knows from an earlier answer; -1 if it does not.
        public var zoneID: Int
        /// The address of the resolver, as text. Addresses are not parsed here, because few questions need all of them.
        public var remoteAddress: Range<Int>
        /// The address of the server that the question came to (from ABI version 2 on); otherwise empty.
        public var localAddress: Range<Int>
        /// The client subnet (from ABI version 3 on); otherwise empty.
        public var clientSubnet: Range<Int>
    }

    /// The fields of an `AXFR` line.
    public struct Transfer: Equatable, Sendable {
        /// The id of the zone, from the answer to the SOA question.
        public var zoneID: Int
        /// The zone's name (from ABI version 4 on); otherwise empty.
        public var zone: Range<Int>
    }
}

/// Why a line cannot be answered.
public enum RequestError: Error {
    /// A line other than `HELO` came before the handshake.
    case helloExpected
    /// `HELO` has no version, or one that is not 1...5.
    case unsupportedVersion
    /// The line begins with none of `Q`, `AXFR`, `CMD` and `HELO`, or is a `Q` without fields.
    case unknownRequest
    /// A `Q` or `AXFR` line has more or fewer fields than its ABI version has. Counts include the tag.
    case wrongFieldCount(request: StaticString, found: Int, expected: Int, version: ABIVersion)
    /// A field is empty, but needs a value. The associated value is the name of the field.
    case emptyField(StaticString)
    /// The zone id is not a decimal number of one to ten digits, with or without a minus sign.
    case zoneIDNotANumber
    /// `CMD` came in a dialogue of ABI version 1...4.
    case commandsNeedVersion5
    /// The line is longer than `LineReader.limit`.
    case lineTooLong
    /// The caller could not parse a field that this module passed on. The associated values are the name of the field
    /// and its position in the line.
    case unreadable(StaticString, Range<Int>)
}

extension RequestError {
    /// Returns the message about `line` for the log of pdns.
    public func message(about line: Span<UInt8>) -> String {
        switch self {
        case .helloExpected: "expected HELO and a version first"
        case .unsupportedVersion: "this version of the protocol is not known; 1 to 5 are"
        case .unknownRequest: "unknown request \(excerpt(of: line, 0..<line.count)); Q, AXFR, CMD and HELO are known"
        case .wrongFieldCount(let request, let found, let expected, let version):
            "\(request) has \(found) fields where ABI version \(version.number) has \(expected)"
        case .emptyField(let name): "the \(name) is empty"
        case .zoneIDNotANumber: "the id is not a number"
        case .commandsNeedVersion5: "CMD needs pipe-abi-version=5"
        case .lineTooLong: "a line is longer than \(LineReader.limit) bytes"
        case .unreadable(let name, let field): "cannot read the \(name) \(excerpt(of: line, field))"
        }
    }

    private func excerpt(of line: Span<UInt8>, _ field: Range<Int>) -> String {
        let shown = field.prefix(60)
        let text = String(decoding: shown.map { line[$0] }, as: UTF8.self)
        return "'\(text)'" + (shown.count < field.count ? "..." : "")
    }
}

extension Request {
    /// Whether a line is a question: it begins with `Q` and a tab. Nearly all lines are, and `Question` reads them
    /// faster than `Request` does.
    @inlinable @inline(__always)
    public static func isQuestion(_ line: Span<UInt8>) -> Bool {
        line.count > 1 && line[unchecked: 0] == UInt8(ascii: "Q") && line[unchecked: 1] == UInt8(ascii: "\t")
    }

    /// Reads a line of any kind, without its line feed.
    ///
    /// - Parameter version: the version of the handshake; `nil` before it, when only `HELO` is accepted.
    public init(_ line: Span<UInt8>, version: ABIVersion?) throws(RequestError) {
        let fields = Fields(line)
        guard let version else {
            guard fields.tag(in: line, is: "HELO") else { throw .helloExpected }
            self = .hello(try Self.hello(fields, line))
            return
        }
        if fields.tag(in: line, is: "Q") {
            self = .question(try Question(fields, line, version: version))
        } else if fields.tag(in: line, is: "AXFR") {
            self = .transfer(try Transfer(fields, line, version: version))
        } else if fields.tag(in: line, is: "CMD") {
            guard version.hasCommands else { throw .commandsNeedVersion5 }
            self = .command(words: min(4, line.count)..<line.count)
        } else if fields.tag(in: line, is: "HELO") {
            self = .hello(try Self.hello(fields, line))
        } else {
            throw .unknownRequest
        }
    }

    private static func hello(_ fields: borrowing Fields, _ line: Span<UInt8>) throws(RequestError) -> ABIVersion {
        guard fields.count == 2, fields[1].count == 1, let digit = integer(line, fields[1]),
            let version = ABIVersion(digit)
        else { throw .unsupportedVersion }
        return version
    }
}

extension Request.Question {
    /// Reads a line that begins with `Q` and a tab.
    @inlinable @inline(__always)
    public init(_ line: Span<UInt8>, version: ABIVersion) throws(RequestError) {
        try self.init(Fields(line), line, version: version)
    }

    @inlinable @inline(__always)
    init(_ fields: borrowing Fields, _ line: Span<UInt8>, version: ABIVersion) throws(RequestError) {
        guard fields.count == version.questionFields else {
            throw .wrongFieldCount(
                request: "Q", found: fields.count, expected: version.questionFields, version: version)
        }
        guard !fields[1].isEmpty else { throw .emptyField("qname") }
        guard let zoneID = integer(line, fields[4]) else { throw .zoneIDNotANumber }
        name = fields[1]
        recordClass = fields[2]
        type = fields[3]
        self.zoneID = zoneID
        remoteAddress = fields[5]
        localAddress = version.hasLocalAddress ? fields[6] : Range(uncheckedBounds: (0, 0))
        clientSubnet = version.hasClientSubnet ? fields[7] : Range(uncheckedBounds: (0, 0))
    }
}

extension Request.Transfer {
    fileprivate init(_ fields: borrowing Fields, _ line: Span<UInt8>, version: ABIVersion) throws(RequestError) {
        let expected = version.hasTransferZone ? 3 : 2
        guard fields.count == expected else {
            throw .wrongFieldCount(request: "AXFR", found: fields.count, expected: expected, version: version)
        }
        guard let zoneID = integer(line, fields[1]) else { throw .zoneIDNotANumber }
        guard !version.hasTransferZone || !fields[2].isEmpty else { throw .emptyField("zone name") }
        self.init(zoneID: zoneID, zone: version.hasTransferZone ? fields[2] : 0..<0)
    }
}

/// Returns the decimal number that fills a field, with or without a minus sign; `nil` if it is not a number of one to
/// ten digits.
@inlinable @inline(__always)
func integer(_ line: Span<UInt8>, _ field: Range<Int>) -> Int? {
    // The most frequent number: for most questions pdns does not know the zone yet, and sends -1.
    if field.upperBound &- field.lowerBound == 2, line[unchecked: field.lowerBound] == UInt8(ascii: "-"),
        line[unchecked: field.lowerBound &+ 1] == UInt8(ascii: "1")
    {
        return -1
    }
    return anyInteger(line, field)
}

@usableFromInline
func anyInteger(_ line: Span<UInt8>, _ field: Range<Int>) -> Int? {
    var i = field.lowerBound
    let isNegative = !field.isEmpty && line[i] == UInt8(ascii: "-")
    if isNegative { i += 1 }
    guard 1...10 ~= field.upperBound - i else { return nil }
    var number = 0
    while i < field.upperBound {
        let digit = line[unchecked: i] &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        number = number &* 10 &+ Int(digit)
        i &+= 1
    }
    return isNegative ? -number : number
}
