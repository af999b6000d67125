import Foundation
import Support

/// A question of pdns to geopipe.
struct PipeQuestion: CustomStringConvertible {
    var service: String
    var type = "ANY"
    /// The address of the resolver.
    var remote = Address("192.0.2.1")
    var client: Address
    /// The prefix length of the client subnet.
    var sourcePrefix: Int

    init(_ service: String, _ client: Address) {
        self.service = service
        self.client = client
        sourcePrefix = client.family.width
    }

    var line: String {
        "Q\t\(service).\(TestWorld.zone)\tIN\t\(type)\t-1\t\(remote)\t127.0.0.1\t\(client)/\(sourcePrefix)\n"
    }

    var description: String { "\(type) \(service) for \(client)/\(sourcePrefix) of resolver \(remote)" }
}

/// The answer of geopipe to a question.
struct PipeAnswer: Equatable, CustomStringConvertible {
    /// The datacenters in the order of their addresses.
    var datacenters: [Int] = []
    /// The scope, which is equal in all records; `nil` without records.
    var scope: Int?
    /// Whether the answer is only the marker that limits a denial to a scope.
    var isMarker = false

    var description: String {
        let names =
            isMarker ? "a marker" : datacenters.isEmpty ? "nothing" : datacenters.map(name).joined(separator: ", ")
        return scope.map { "\(names), scope \($0)" } ?? names
    }
}

/// Runs geopipe with a batch of questions.
enum Geopipe {
    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    /// Returns the address that stands for a datacenter in the answers of a service.
    static func address(of datacenter: Int) -> String { "10.0.\(datacenter / 256).\(datacenter % 256)" }

    static func answers(to questions: [PipeQuestion], of world: TestWorld, in folder: Folder) throws -> [PipeAnswer] {
        let configuration = try world.write(to: folder)
        var input: [UInt8] = Array("HELO\t5\n".utf8)
        for question in questions { input += question.line.utf8 }
        let ending = try Program.geopipe.run(["--config", configuration], input: input, in: folder)
        guard ending.status == 0, !ending.isKilled else {
            throw Unexpected(
                description: "ended with \(ending.status)\(ending.isKilled ? ", a signal" : ""): \(ending.error)")
        }
        let answers = try parse(ending.output)
        guard answers.count == questions.count else {
            throw Unexpected(description: "\(answers.count) answers to \(questions.count) questions; \(ending.error)")
        }
        return answers
    }

    /// Parses the output after the greeting.
    private static func parse(_ output: [UInt8]) throws -> [PipeAnswer] {
        var answers: [PipeAnswer] = []
        var answer = PipeAnswer()
        var isGreeted = false
        for line in output.split(separator: UInt8(ascii: "\n")) {
            if line.elementsEqual("END".utf8) {
                answers.append(answer)
                answer = PipeAnswer()
            } else if line.starts(with: "DATA\t".utf8) {
                let fields = line.split(separator: UInt8(ascii: "\t"))
                guard fields.count == 9, let scope = decimal(fields[1]), answer.scope == nil || answer.scope == scope
                else {
                    throw Unexpected(description: "unexpected record: \(String(decoding: line, as: UTF8.self))")
                }
                answer.scope = scope
                if fields[5].elementsEqual("A".utf8) {
                    let bytes = fields[8].split(separator: UInt8(ascii: ".")).compactMap(decimal)
                    answer.datacenters.append(bytes[2] * 256 + bytes[3])
                } else if fields[5].elementsEqual("TYPE65280".utf8), fields[8].elementsEqual("\\# 0".utf8) {
                    answer.isMarker = true
                } else {
                    throw Unexpected(description: "unexpected record: \(String(decoding: line, as: UTF8.self))")
                }
            } else if !isGreeted, line.starts(with: "OK".utf8) {
                isGreeted = true
            } else {
                throw Unexpected(
                    description: "answer \(answers.count) is \(String(decoding: line, as: UTF8.self))")
            }
        }
        return answers
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.allSatisfy({ 48...57 ~= $0 }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1) - 48 }
    }
}
