import DNS
import Geography
import Platform

extension ConfigurationParser {
    /// Reads the `check` of a service: one check, or a list of checks that must all succeed.
    func healthChecks(_ node: YAMLNode, of service: Configuration.Service) -> [HealthCheck] {
        let what = "service \(service.name)"
        guard case .sequence(let items) = node.value else {
            return healthCheck(node, "check of \(what)", service).map { [$0] } ?? []
        }
        if items.isEmpty {
            reader.diagnose(node.position, "check of \(what) is empty; write check: { http: {} }, or remove it")
        }
        return items.enumerated().compactMap { number, item in
            healthCheck(item, "check \(number + 1) of \(what)", service)
        }
    }

    private func healthCheck(_ node: YAMLNode, _ what: String, _ service: Configuration.Service) -> HealthCheck? {
        let kinds = KeyGroup.check.alternatives
        guard case .mapping = node.value else {
            let examples = [
                "http": "http: {}", "https": "https: {}", "tcp": "tcp: 443", "file": "file: /run/health",
                "command": "command: [/usr/bin/program, \"{address}\"]",
            ]
            let example = node.scalar.flatMap { examples[$0.string] } ?? examples["http"]!
            reader.diagnose(node.position, "\(what) must be a mapping; write check: { \(example) }")
            return nil
        }
        let fields = reader.fields(node, what, .check)
        let given = kinds.filter { fields[$0] != nil }
        guard given.count == 1, let entry = fields[given[0]] else {
            let isMisspelt = reader.hasOtherShape(node) || given.isEmpty && reader.hasUnknownKey(node, nearestOf: kinds)
            if isMisspelt { return nil }
            reader.diagnose(node.position, "\(what) needs one of \(kinds.joined(separator: ", "))")
            return nil
        }
        let probe: HealthCheck.Probe? =
            switch entry.key {
            case "http": http(entry.value, isSecure: false, "http of \(what)")
            case "https": http(entry.value, isSecure: true, "https of \(what)")
            case "tcp": tcp(entry.value, "tcp of \(what)")
            case "command": words(ofCommand: entry.value, "command of \(what)").map { .command($0) }
            default: reader.text(entry.value, "file of \(what)").map { .file(absolutePath(path($0))) }
            }
        guard let probe else { return nil }
        var check = HealthCheck(probe)
        func positive(_ key: String, _ parse: (YAMLNode, String) -> UInt32?) -> UInt32? {
            guard let node = fields[key]?.value, let number = parse(node, "\(key) in \(what)") else { return nil }
            if number == 0 { reader.diagnose(node.position, "\(key) in \(what) is 0; write at least 1") }
            return max(1, number)
        }
        if let interval = positive("interval", reader.seconds) {
            check.interval = interval
            check.timeout = min(check.timeout, interval)
        }
        if let timeout = positive("timeout", reader.seconds) { check.timeout = timeout }
        if check.timeout > check.interval {
            reader.diagnose(
                fields["timeout"]?.value.position,
                "timeout in \(what) is longer than its interval, \(check.interval) s; write at most that")
        }
        if let node = fields["address"]?.value { check.addresses = addresses(node, "address in \(what)", service) }
        check.rise = positive("rise", reader.count) ?? check.rise
        check.fall = positive("fall", reader.count) ?? check.fall
        return check
    }

    private func http(_ node: YAMLNode, isSecure: Bool, _ what: String) -> HealthCheck.Probe? {
        var http = HealthCheck.HTTP(isSecure: isSecure)
        let fields = reader.fields(node, what, isSecure ? .https : .http)
        if let node = fields["port"]?.value { http.port = port(node, "port in \(what)") ?? http.port }
        if let node = fields["path"]?.value, let text = reader.text(node, "path in \(what)") {
            if text.hasPrefix("/"), isVisible(text) {
                http.path = text
            } else {
                reader.diagnose(
                    node.position, "path in \(what) is '\(text)'; write one that begins with / and has no spaces")
            }
        }
        if let node = fields["host"]?.value, let text = reader.text(node, "host in \(what)") {
            if isVisible(text), !text.contains("/"), !text.isEmpty, text != "." {
                http.host = withoutFinalDot(text)
            } else {
                reader.diagnose(node.position, "host in \(what) is '\(text)'; write a name such as www.example.com")
            }
        }
        if let node = fields["expect"]?.value {
            http.expected = reader.items(node).compactMap { statusCodes($0, "expect in \(what)") }
            if reader.items(node).isEmpty {
                reader.diagnose(node.position, "expect in \(what) is empty; write 200, or 200-299")
            }
        }
        if let node = fields["match"]?.value { http.match = bodyText(node, "match in \(what)") }
        if let node = fields["no_match"]?.value { http.noMatch = bodyText(node, "no_match in \(what)") }
        if let node = fields["headers"]?.value { http.headers = headers(node, "headers in \(what)") }
        if let node = fields["weight_header"]?.value {
            let words = "weight_header in \(what)"
            http.weightHeader = reader.text(node, words).flatMap { text in
                if isToken(text) { return text }
                reader.diagnose(node.position, "\(words) is '\(text)'; write a field's name such as X-Geopipe-Weight")
                return nil
            }
        }
        method(fields, what, &http)
        if isSecure, let node = fields["verify"]?.value {
            http.verifiesCertificate = reader.bool(node, "verify in \(what)") ?? true
        }
        return .http(http)
    }

    /// Reads the method and the body, and reports combinations that make no sense.
    private func method(_ fields: YAMLReader.Fields, _ what: String, _ http: inout HealthCheck.HTTP) {
        if let node = fields["method"]?.value, let text = reader.text(node, "method in \(what)") {
            if let method = HealthCheck.HTTP.Method(rawValue: text.uppercased()) {
                http.method = method
            } else {
                reader.diagnose(node.position, "method in \(what) is '\(text)'; write GET, HEAD or POST")
            }
        }
        if let entry = fields["body"] {
            http.body = reader.text(entry.value, "body in \(what)")
            if http.method != .post {
                reader.diagnose(
                    entry.keyPosition,
                    "\(http.method.rawValue) in \(what) has no body; write method: POST, or remove it")
            }
        }
        guard http.method == .head else { return }
        for key in ["match", "no_match"] {
            guard let entry = fields[key] else { continue }
            reader.diagnose(
                entry.keyPosition,
                "the answer to HEAD in \(what) has no body for \(key); write method: GET, or remove it")
        }
    }

    /// Reads a string to search for in a body.
    private func bodyText(_ node: YAMLNode, _ what: String) -> String? {
        guard let text = reader.text(node, what) else { return nil }
        if text.isEmpty {
            reader.diagnose(node.position, "\(what) is empty, which every body contains; write a text, or remove it")
            return nil
        }
        return text
    }

    private func headers(_ node: YAMLNode, _ what: String) -> [HealthCheck.HTTP.Header] {
        var headers: [HealthCheck.HTTP.Header] = []
        for entry in reader.entries(node, what) {
            let name = entry.key.lowercased()
            guard isToken(entry.key) else {
                reader.diagnose(
                    entry.keyPosition, "'\(entry.key)' in \(what) cannot name a header field; write one such as Accept")
                continue
            }
            if name == "host" {
                reader.diagnose(entry.keyPosition, "\(entry.key) in \(what) has its own key; write host: …")
                continue
            }
            if ["connection", "content-length", "transfer-encoding"].contains(name) {
                reader.diagnose(entry.keyPosition, "\(entry.key) in \(what) is set by the agent; remove it")
                continue
            }
            if headers.contains(where: { $0.name.lowercased() == name }) {
                reader.diagnose(entry.keyPosition, "\(entry.key) in \(what) is given twice; keep one")
                continue
            }
            // An empty value is allowed, written as "".
            guard let value = reader.text(entry.value, "\(entry.key) of \(what)") else { continue }
            // RFC 9110 section 5.5: no control characters, and no spaces around the value.
            let bytes = Array(value.utf8)
            let isSound =
                bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 } && ![0x20, 0x09].contains(bytes.first)
                && ![0x20, 0x09].contains(bytes.last)
            guard isSound else {
                reader.diagnose(
                    entry.value.position,
                    "\(entry.key) of \(what) has line ends or other control characters, or spaces around it; write it on one line"
                )
                continue
            }
            headers.append(.init(name: entry.key, value: value))
        }
        return headers
    }

    /// Returns whether a text can name a header field (RFC 9110 section 5.6.2).
    private func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    /// Removes the final dot of a host name with an optional port: Host and SNI have none (RFC 6066 section 3).
    private func withoutFinalDot(_ host: String) -> String {
        if host.hasPrefix("[") { return host }
        let name = host.prefix { $0 != ":" }
        return name.hasSuffix(".") ? String(name.dropLast()) + host[name.endIndex...] : host
    }

    /// Reads one address for all answers, or a mapping from answered addresses to those to probe.
    private func addresses(
        _ node: YAMLNode, _ what: String, _ service: Configuration.Service
    ) -> [HealthCheck.Answered: String] {
        func address(_ node: YAMLNode, _ what: String) -> String? {
            guard let text = reader.text(node, what) else { return nil }
            if let address = canonicalAddress(text) { return address }
            reader.diagnose(node.position, "\(what) is '\(text)', which is not an address; write one such as 10.0.0.10")
            return nil
        }
        guard case .mapping = node.value else { return address(node, what).map { [.any: $0] } ?? [:] }
        let answered = Set(service.answers.joined().filter(\.isAddress).map(\.content.text))
        var addresses: [HealthCheck.Answered: String] = [:]
        for entry in reader.entries(node, what) {
            guard let key = canonicalAddress(entry.key), answered.contains(key) else {
                // If answers are invalid, the expected addresses are unknown.
                if !answered.isEmpty {
                    reader.diagnose(
                        entry.keyPosition,
                        "'\(entry.key)' of \(what) is not an address of the service's answers\(suggestion(for: entry.key, among: answered.sorted()))"
                    )
                }
                continue
            }
            addresses[.address(key)] = address(entry.value, "\(entry.key) of \(what)")
        }
        return addresses
    }

    /// Returns an address in the form that answers have; `nil` if the text is not an address.
    private func canonicalAddress(_ text: String) -> String? {
        let type: RecordType
        switch IPAddress(text) {
        case .v4: type = .a
        case .v6: type = .aaaa
        case nil: return nil
        }
        return (try? RecordContent(text, type: type, origin: nil))?.text
    }

    /// Reads `200` or `200-299`.
    private func statusCodes(_ node: YAMLNode, _ what: String) -> ClosedRange<UInt16>? {
        guard let text = reader.text(node, what) else { return nil }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        if 1...2 ~= ends.count, let first = ends[0], let last = ends.last!, first <= last, first >= 100, last <= 599 {
            return first...last
        }
        reader.diagnose(
            node.position, "\(what) is '\(text)'; write a status code such as 200, or a range such as 200-299")
        return nil
    }

    private func tcp(_ node: YAMLNode, _ what: String) -> HealthCheck.Probe? {
        guard case .mapping = node.value else { return port(node, what).map { .tcp(port: $0) } }
        let fields = reader.fields(node, what, .tcp)
        return fields["port"].flatMap { port($0.value, "port in \(what)") }.map { .tcp(port: $0) }
    }

    private func port(_ node: YAMLNode, _ what: String) -> UInt16? {
        guard let text = reader.text(node, what) else { return nil }
        if let port = UInt16(text), port > 0 { return port }
        reader.diagnose(node.position, "\(what) is '\(text)'; write a port from 1 to 65535")
        return nil
    }

    /// Reads a program and its arguments.
    func words(ofCommand node: YAMLNode, _ what: String) -> [String]? {
        guard case .sequence = node.value else {
            reader.diagnose(
                node.position,
                "\(what) must be a list, as it is not split by a shell; write [/usr/bin/program, argument, \"{address}\"]"
            )
            return nil
        }
        let words = reader.items(node).compactMap { reader.text($0, what) }
        guard let program = words.first, program.hasPrefix("/") else {
            reader.diagnose(
                node.position, "\(what) does not begin with a program's absolute path; write [/usr/bin/program, …]")
            return nil
        }
        return words
    }

    /// Reads a duration of at least a second.
    func positiveSeconds(_ node: YAMLNode, _ what: String) -> UInt32? {
        guard let seconds = reader.seconds(node, what) else { return nil }
        if seconds == 0 { reader.diagnose(node.position, "\(what) is 0; write at least 1") }
        return max(1, seconds)
    }

    /// Reads the `quorum` of a service.
    func quorum(_ node: YAMLNode, _ what: String) -> Configuration.Service.Quorum? {
        guard let text = reader.text(node, "quorum of \(what)") else { return nil }
        if text.hasSuffix("%") {
            if let percent = Int(text.dropLast()), 1...100 ~= percent { return .percent(percent) }
        } else if let count = Int(text), count > 0 {
            return .count(count)
        }
        reader.diagnose(
            node.position, "quorum of \(what) is '\(text)'; write a number of addresses, or a percentage such as 50%")
        return nil
    }

    private func isVisible(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } }
}
