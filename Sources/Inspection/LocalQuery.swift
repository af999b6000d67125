import Answering
import DNS
import Geography
import Glibc
import PipeProtocol
import Platform
import Zones

/// Asks a question through a session in this process, as pdns would.
public struct LocalQuery {
    private let serving: Serving
    private let seed: UInt64

    /// Makes a query that `serving` answers.
    ///
    /// - Parameter seed: seeds the random bits for draws.
    public init(_ serving: Serving, seed: UInt64 = .random(in: .min ... .max)) {
        self.serving = serving
        self.seed = seed
    }

    /// The answer to a question.
    public struct Reply {
        /// Whether the name exists, with or without records.
        public var exists: Bool
        public var records: [Record]
    }

    /// A record of an answer.
    public struct Record {
        public var name: String
        public var type: String
        /// In seconds.
        public var ttl: String
        public var content: String
        /// The EDNS scope prefix length; 0 for a record that is the same for all clients.
        public var scope: Int

        /// The record as a line of a zone file, with absolute names.
        public var zoneFileLine: String {
            let owner = name.hasSuffix(".") ? name : name + "."
            let data = RecordType(type).map { RecordContent.zoneFileForm(of: content, type: $0) } ?? content
            return "\(owner)\t\(ttl)\tIN\t\(type)\t\(data)"
        }
    }

    /// Why a question got no answer.
    public struct Refusal: Error, CustomStringConvertible {
        public let description: String
    }

    /// Asks for the records of `type`, or `ANY`, at `name` on behalf of `client`.
    ///
    /// - Parameter resolver: the client's resolver; `nil` if the client asks itself.
    public func ask(
        _ name: String, type: String, client: IPPrefix, resolver: IPAddress? = nil
    ) throws(Refusal) -> Reply {
        guard RecordType(type) != nil else { throw Refusal(description: "unknown record type '\(type)'") }
        // A tab would begin the next field of the protocol's line.
        guard name.utf8.allSatisfy({ 0x21...0x7e ~= $0 }) else {
            throw Refusal(
                description: "'\(visible(name))' is not a domain name; write letters, digits, '-', '_' and '.'")
        }
        let lines = try dialogue(name, type, client, resolver ?? client.address)
        var exists = false
        var records: [Record] = []
        for line in lines {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            switch fields[0] {
            case "DATA" where fields.count >= 9:
                exists = true
                guard fields[5] != RecordType.marker.description else { continue }
                records.append(
                    Record(
                        name: fields[3], type: fields[5], ttl: fields[6],
                        content: fields[8...].joined(separator: "\t"), scope: Int(fields[1]) ?? 0))
            case "LOG": throw Refusal(description: fields.dropFirst().joined(separator: " "))
            default: break
            }
        }
        return Reply(exists: exists, records: records)
    }

    /// Returns the lines of the answer. They are collected in an anonymous file in memory, so that diagnosis works
    /// with full disks.
    private func dialogue(
        _ name: String, _ type: String, _ client: IPPrefix, _ resolver: IPAddress
    ) throws(Refusal) -> [Substring] {
        let answer = AnonymousFile.make("geopipe-answer")
        guard answer >= 0 else { throw Refusal(description: "no memory: \(String(cString: strerror(errno)))") }
        defer { close(answer) }
        var session = Session(seed: seed, supply: ServingMailbox()) { [serving] in serving }
        var reply = ReplyWriter(descriptor: answer)
        let greeting = Array("HELO\t5".utf8)
        let question = Array("Q\t\(name)\tIN\t\(type)\t-1\t\(resolver)\t\(resolver)\t\(client)".utf8)
        session.answer(greeting.span, &reply)
        session.answer(question.span, &reply)
        guard reply.send() else { throw Refusal(description: "no room for the answer") }
        var bytes = [UInt8](repeating: 0, count: Int(lseek(answer, 0, SEEK_END)))
        guard pread(answer, &bytes, bytes.count, 0) == bytes.count else {
            throw Refusal(description: String(cString: strerror(errno)))
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().map(\.self)
    }
}
