import DNS
import Platform

/// The source of a compiled zone, and its diagnostics. An image keeps it as bytes, so that unchanged zones need not
/// be compiled again.
struct ZoneProvenance {
    /// See `ZoneSource.cacheKey`.
    var key: [UInt8]
    var inputs: [ZoneInput]
    var problems: [ZoneDiagnostic]

    init(key: [UInt8], inputs: [ZoneInput], problems: [ZoneDiagnostic]) {
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

    init(bytes: [UInt8]) throws(TruncatedBytes) {
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
                ZoneDiagnostic(
                    file: file.isEmpty ? nil : file, position: try reader.position(), message: try reader.text(),
                    isWarning: try reader.value(UInt8.self) == 1))
        }
    }
}

extension ZoneSource {
    /// All that the zone is made of except the contents of its files. Two sources with equal keys and unchanged files
    /// give the same zone.
    var cacheKey: [UInt8] {
        var writer = ByteWriter()
        // The zone may have been compiled for a pdns of the other dialect.
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

/// The bytes end too early, or a length is out of range.
struct TruncatedBytes: Error {}

/// Writes values in the byte order of the machine, and texts as their length and their bytes.
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

/// Reads bytes that a `ByteWriter` wrote.
private struct ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func value<Value: BitwiseCopyable>(_ type: Value.Type) throws(TruncatedBytes) -> Value {
        let size = MemoryLayout<Value>.size
        guard rest.count >= size else { throw TruncatedBytes() }
        defer { rest = rest.dropFirst(size) }
        return rest.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }

    /// Reads a number of elements. Each takes at least one byte, which bounds the number.
    mutating func count() throws(TruncatedBytes) -> Int {
        let count = try value(Int.self)
        guard 0...rest.count ~= count else { throw TruncatedBytes() }
        return count
    }

    mutating func bytes() throws(TruncatedBytes) -> [UInt8] {
        let count = try count()
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func text() throws(TruncatedBytes) -> String { String(decoding: try bytes(), as: UTF8.self) }

    mutating func position() throws(TruncatedBytes) -> SourcePosition? {
        let line = try value(Int.self)
        let column = try value(Int.self)
        return line == 0 ? nil : SourcePosition(line: line, column: column)
    }
}
