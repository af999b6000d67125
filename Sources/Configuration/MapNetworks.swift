import Geography
import Glibc
import Routing

extension ConfigurationParser {
    /// Reads the `networks` and the `networks_file` of a map.
    mutating func networks(_ node: YAMLNode?, file: YAMLNode?, _ what: String) -> NetworkRules {
        var rules = NetworkRules()
        var seen = PrefixSet()
        for entry in node.map({ reader.entries($0, "networks of \(what)") }) ?? [] {
            let destination = destination(entry.value, "'\(entry.key)' in networks of \(what)")
            do throws(BadPrefix) {
                let prefix = try self.prefix(Array(entry.key.utf8).span, &seen)
                if let destination { rules.append((prefix, destination)) }
                noteNearest(destination, "'\(entry.key)' in ", in: "networks of \(what)", entry.keyPosition)
            } catch {
                reader.diagnose(entry.keyPosition, error.diagnostic)
            }
        }
        if let file { addNetworks(ofFile: file, to: &rules, &seen, what) }
        return rules
    }

    /// Reads the networks of a networks_file: a path, or `{ path: office.nets, may_be_empty: true }`.
    private mutating func addNetworks(
        ofFile node: YAMLNode, to rules: inout NetworkRules, _ seen: inout PrefixSet, _ what: String
    ) {
        var (written, mayBeEmpty) = (node, false)
        if case .mapping = node.value {
            let fields = reader.fields(node, "the networks_file of \(what)", .networksFile)
            guard let path = fields["path"] else { return }
            written = path.value
            mayBeEmpty =
                fields["may_be_empty"].flatMap {
                    reader.bool($0.value, "may_be_empty of the networks_file of \(what)")
                } ?? false
        }
        guard let name = reader.text(written, "the networks_file of \(what)") else { return }
        let diagnostics = reader.complaintCount
        let (before, nowhereBefore) = (rules.count, rules.count(of: .none))
        let (hash, nearest) = addNetworks(
            inFile: path(name), to: &rules, written.position, &seen, mayBeEmpty: mayBeEmpty)
        guard reader.complaintCount == diagnostics else { return }
        adviseOfNowhere(rules.count(of: .none) - nowhereBefore, written.position, path(name))
        configuration.networksFiles.append(
            .init(
                path: path(name), name: name, position: written.position, count: rules.count - before,
                mayBeEmpty: mayBeEmpty, hash: hash))
        noteNearest(nearest, "the networks_file of ", in: what, written.position)
    }

    /// Adds lines of a prefix and a destination, as in `networks`; `#` starts a comment.
    ///
    /// - Returns: a hash of the file, and a destination in it that uses `nearest`, if there is one.
    private func addNetworks(
        inFile file: String, to rules: inout NetworkRules, _ position: Diagnostic.Position?, _ seen: inout PrefixSet,
        mayBeEmpty: Bool
    ) -> (hash: UInt64, nearest: Destination?) {
        var text: String
        reader.files.insert(file)
        do throws(Diagnostic) {
            text = try readText(file).text
        } catch {
            if access(file, F_OK) != 0, errno == ENOENT {
                // The program that makes the file may create it later.
                if !mayBeEmpty { reader.warn(position, "no networks from \(file): \(error.message)") }
            } else {
                reader.diagnose(error.position, error.message, file: file)
            }
            return (0, nil)
        }
        let diagnostics = reader.complaintCount
        let before = rules.count
        var nearest: Destination?
        var destinations: [String: UInt32] = [:]
        // The errors of invalid destinations: a misspelt one is often repeated all over a file.
        var faults: [String: [String]] = [:]
        func take(_ line: NetworksFileLine) {
            func diagnose(_ place: UnsafeBufferPointer<UInt8>, _ message: String) {
                reader.diagnose(.init(line: line.number, column: line.column(of: place)), message, file: file)
            }
            do throws(BadPrefix) {
                let prefix = try self.prefix(line.network.span, &seen)
                let written = String(decoding: line.destination, as: UTF8.self)
                if written.isEmpty {
                    let network = String(decoding: line.network, as: UTF8.self)
                    diagnose(line.network, "no destination after \(network); write one, such as \(network) oslo")
                } else if let known = destinations[written] {
                    rules.append(prefix, number: known)
                } else if let known = faults[written] {
                    for message in known { diagnose(line.destination, message) }
                } else {
                    var messages: [String] = []
                    let new = destination(written, String(decoding: line.network, as: UTF8.self)) { message in
                        messages.append(message)
                        diagnose(line.destination, message)
                    }
                    if let new {
                        if nearest == nil, new.wantsNearest { nearest = new }
                        let number = rules.number(of: new)
                        destinations[written] = number
                        rules.append(prefix, number: number)
                    } else {
                        faults[written] = messages
                    }
                }
            } catch {
                diagnose(line.network, error.diagnostic)
            }
        }
        text.withUTF8 { NetworksFileLine.forEach(in: $0, take) }
        if rules.count == before, !mayBeEmpty, reader.complaintCount == diagnostics {
            reader.warn(
                position,
                "\(file) has no networks; if that is intended, write networks_file: { path: \(file), may_be_empty: true }"
            )
        }
        return (text.withUTF8(contentHash), nearest)
    }

    /// Returns a hash of the bytes.
    private func contentHash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let prime: UInt64 = 0x9e37_79b9_7f4a_7c15
        var hash = UInt64(bytes.count)
        let raw = UnsafeRawBufferPointer(bytes)
        var position = 0
        while position + 8 <= raw.count {
            hash = (hash ^ raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)) &* prime
            hash ^= hash >> 29
            position += 8
        }
        for byte in raw[position...] { hash = (hash ^ UInt64(byte)) &* prime }
        return hash
    }

    /// Parses a destination of a networks file, in the syntax of the configuration.
    private func destination(
        _ text: String, _ what: String, _ diagnose: (String) -> Void
    ) -> Destination? {
        if let number = datacenterNumbers[text] { return .tier([Share(number)]) }
        let nested = YAMLReader(file: "")
        var parser = self
        parser.reader = nested
        let destination = nested.document(text).flatMap { parser.destination($0, what) }
        for diagnostic in nested.diagnostics { diagnose(diagnostic.message) }
        return nested.diagnostics.isEmpty ? destination : nil
    }

    private struct BadPrefix: Error {
        var diagnostic: String
    }

    private func prefix(_ text: Span<UInt8>, _ seen: inout PrefixSet) throws(BadPrefix) -> IPPrefix {
        // The prefix as messages quote it.
        func written() -> String { text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
        guard let prefix = IPPrefix(text) else {
            throw BadPrefix(
                diagnostic: "'\(written())' is not a network; write one such as 192.0.2.0/24 or 2001:db8::/32")
        }
        var end = text.count
        for position in 0..<text.count where text[position] == UInt8(ascii: "/") {
            end = position
            break
        }
        guard IPAddress(text.extracting(0..<end)) == prefix.address else {
            throw BadPrefix(diagnostic: "'\(written())' has host bits set; write \(prefix)")
        }
        if let embedded = prefix.address.embeddedIPv4, IPPrefix.embeddingIPv4.contains(where: prefix.isInside) {
            let carried = prefix.length - embedded.offset
            let remedy =
                0...32 ~= carried
                ? "write \(IPPrefix(.v4(embedded.address), length: carried)!)" : "write the IPv4 networks instead"
            throw BadPrefix(
                diagnostic: "'\(written())' contains IPv4 addresses, which are looked up as IPv4; \(remedy)")
        }
        guard seen.insert(prefix) else {
            throw BadPrefix(diagnostic: "the network \(prefix) is given twice; keep one")
        }
        return prefix
    }
}
