import DNS
import Platform

/// What a compiled zone was made from and what is to be said of it, as bytes.
struct ZoneDescription {
    /// What was asked for.
    var key: [UInt8]
    var inputs: [ZoneInput]
    var problems: [ZoneProblem]

    init(key: [UInt8], inputs: [ZoneInput], problems: [ZoneProblem]) {
        self.key = key
        self.inputs = inputs
        self.problems = problems
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(key)
        writer.write(inputs.count)
        for input in inputs {
            writer.write(Array(input.path.utf8))
            writer.write(Array(input.name.utf8))
            writer.write(input.state.identity)
            writer.write(input.state.hash)
            writer.write(UInt8(input.state.isSettled ? 1 : 0))
        }
        writer.write(problems.count)
        for problem in problems {
            writer.write(problem.file.map { Array($0.utf8) } ?? [])
            writer.write(problem.position)
            writer.write(Array(problem.message.utf8))
            writer.write(UInt8(problem.isWarning ? 1 : 0))
        }
        return writer.bytes
    }

    init(bytes: [UInt8]) throws(Torn) {
        var reader = ByteReader(bytes)
        key = try reader.bytes()
        inputs = []
        problems = []
        for _ in 0..<(try reader.count()) {
            inputs.append(
                ZoneInput(
                    path: try reader.text(), name: try reader.text(),
                    state: ZoneInput.State(
                        identity: try reader.value(FileIdentity.self), hash: try reader.value(UInt64.self),
                        isSettled: try reader.value(UInt8.self) == 1)))
        }
        for _ in 0..<(try reader.count()) {
            let file = try reader.text()
            problems.append(
                ZoneProblem(
                    file: file.isEmpty ? nil : file, position: try reader.position(), message: try reader.text(),
                    isWarning: try reader.value(UInt8.self) == 1))
        }
    }
}

extension ZoneSource {
    /// All that the zone is made of, but for the content of its file.
    var key: [UInt8] {
        var writer = ByteWriter()
        // Coprocesses of another pdns may have made the zone for that one.
        writer.write(RecordDialect.asking == .since5_1 ? 1 : 0)
        writer.write(apex.wire)
        writer.write(Array((file ?? "").utf8))
        writer.write(filePosition)
        writer.write(defaultTTL.map(Int.init) ?? -1)
        writer.write(configurationFile?.hash ?? 0)
        writer.write(records.count)
        for record in records {
            writer.write(record.owner.wire)
            writer.write(record.type.rawValue)
            writer.write(record.ttl.map(Int.init) ?? -1)
            writer.write(Array(record.content.text.utf8))
            writer.write(record.position)
        }
        let numbers = serviceNumbers
        for service in services {
            writer.write(service.owner.wire)
            writer.write(service.types.count)
            writer.write(numbers[service.service]!)
            for type in service.types.map(\.rawValue).sorted() { writer.write(type) }
            writer.write(service.content)
            writer.write(service.position)
        }
        return writer.bytes
    }
}

/// There is less than there ought to be.
struct Torn: Error {}

/// Values as they are in memory, and texts as their length and their bytes.
private struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ value: some BitwiseCopyable) { withUnsafeBytes(of: value) { bytes += $0 } }

    mutating func write(_ text: [UInt8]) {
        write(text.count)
        bytes += text
    }

    mutating func write(_ position: SourcePosition?) {
        write(position?.line ?? 0)
        write(position?.column ?? 0)
    }
}

/// Reads what a `ByteWriter` wrote.
private struct ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func value<Value: BitwiseCopyable>(_ type: Value.Type) throws(Torn) -> Value {
        let size = MemoryLayout<Value>.size
        guard rest.count >= size else { throw Torn() }
        defer { rest = rest.dropFirst(size) }
        return rest.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }

    /// A number of things, each of which takes a byte at least.
    mutating func count() throws(Torn) -> Int {
        let count = try value(Int.self)
        guard 0...rest.count ~= count else { throw Torn() }
        return count
    }

    mutating func bytes() throws(Torn) -> [UInt8] {
        let count = try count()
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func text() throws(Torn) -> String { String(decoding: try bytes(), as: UTF8.self) }

    mutating func position() throws(Torn) -> SourcePosition? {
        let line = try value(Int.self)
        let column = try value(Int.self)
        return line == 0 ? nil : SourcePosition(line: line, column: column)
    }
}
