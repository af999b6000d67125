import Platform

extension ConfigurationParser {
    /// The `check` of a service.
    func healthCheck(_ node: YAMLNode, _ what: String) -> HealthCheck? {
        let what = "check of \(what)"
        let kinds = ["http", "https", "tcp", "command", "file"]
        guard case .mapping = node.value else {
            let examples = [
                "http": "http: {}", "https": "https: {}", "tcp": "tcp: 443", "file": "file: /run/health",
                "command": "command: [/usr/bin/program, \"{address}\"]",
            ]
            let example = node.scalar.flatMap { examples[$0.string] } ?? examples["http"]!
            reader.complain(node.position, "\(what) is not a mapping; write check: { \(example) }")
            return nil
        }
        let fields = reader.fields(node, what, known: kinds + ["interval", "timeout", "rise", "fall"])
        let given = kinds.filter { fields[$0] != nil }
        guard given.count == 1, let entry = fields[given[0]] else {
            let isMisspelt = reader.hasOtherShape(node) || given.isEmpty && reader.hasUnknownKey(node, nearestOf: kinds)
            if isMisspelt { return nil }
            reader.complain(node.position, "\(what) needs one of \(kinds.joined(separator: ", "))")
            return nil
        }
        let probe: HealthCheck.Probe? =
            switch entry.key {
            case "http": http(entry.value, isSecure: false, "http of \(what)")
            case "https": http(entry.value, isSecure: true, "https of \(what)")
            case "tcp": tcp(entry.value, "tcp of \(what)")
            case "command": command(entry.value, "command of \(what)")
            default: reader.text(entry.value, "file of \(what)").map { .file(absolutePath(path($0))) }
            }
        guard let probe else { return nil }
        var check = HealthCheck(probe)
        func positive(_ key: String, _ parse: (YAMLNode, String) -> UInt32?) -> UInt32? {
            guard let node = fields[key]?.value, let number = parse(node, "\(key) in \(what)") else { return nil }
            if number == 0 { reader.complain(node.position, "\(key) in \(what) is 0; write at least 1") }
            return max(1, number)
        }
        if let interval = positive("interval", reader.seconds) {
            check.interval = interval
            check.timeout = min(check.timeout, interval)
        }
        if let timeout = positive("timeout", reader.seconds) { check.timeout = timeout }
        if check.timeout > check.interval {
            reader.complain(
                fields["timeout"]?.value.position,
                "timeout in \(what) is longer than its interval, \(check.interval) s; write at most that")
        }
        check.rise = positive("rise", reader.count) ?? check.rise
        check.fall = positive("fall", reader.count) ?? check.fall
        return check
    }

    private func http(_ node: YAMLNode, isSecure: Bool, _ what: String) -> HealthCheck.Probe? {
        var http = HealthCheck.HTTP(isSecure: isSecure)
        let known = ["port", "path", "host", "expect", "match"] + (isSecure ? ["verify"] : [])
        let fields = reader.fields(node, what, known: known)
        if let node = fields["port"]?.value { http.port = port(node, "port in \(what)") ?? http.port }
        if let node = fields["path"]?.value, let text = reader.text(node, "path in \(what)") {
            if text.hasPrefix("/"), isVisible(text) {
                http.path = text
            } else {
                reader.complain(
                    node.position, "path in \(what) is '\(text)'; write one that begins with / and has no blanks")
            }
        }
        if let node = fields["host"]?.value, let text = reader.text(node, "host in \(what)") {
            if isVisible(text), !text.contains("/"), !text.isEmpty {
                http.host = text
            } else {
                reader.complain(node.position, "host in \(what) is '\(text)'; write a name such as www.example.com")
            }
        }
        if let node = fields["expect"]?.value {
            http.expected = reader.items(node).compactMap { statusCodes($0, "expect in \(what)") }
            if reader.items(node).isEmpty {
                reader.complain(node.position, "expect in \(what) is empty; write 200, or 200-299")
            }
        }
        if let node = fields["match"]?.value { http.match = reader.text(node, "match in \(what)") }
        http.verifiesCertificate = fields["verify"].flatMap { reader.truth($0.value, "verify in \(what)") } ?? true
        return .http(http)
    }

    /// `200`, or `200-299`.
    private func statusCodes(_ node: YAMLNode, _ what: String) -> ClosedRange<UInt16>? {
        guard let text = reader.text(node, what) else { return nil }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        if 1...2 ~= ends.count, let first = ends[0], let last = ends.last!, first <= last, first >= 100, last <= 599 {
            return first...last
        }
        reader.complain(
            node.position, "\(what) is '\(text)'; write a status code such as 200, or a range such as 200-299")
        return nil
    }

    private func tcp(_ node: YAMLNode, _ what: String) -> HealthCheck.Probe? {
        guard case .mapping = node.value else { return port(node, what).map { .tcp(port: $0) } }
        let fields = reader.fields(node, what, known: ["port"], required: ["port"])
        return fields["port"].flatMap { port($0.value, "port in \(what)") }.map { .tcp(port: $0) }
    }

    private func port(_ node: YAMLNode, _ what: String) -> UInt16? {
        guard let text = reader.text(node, what) else { return nil }
        if let port = UInt16(text), port > 0 { return port }
        reader.complain(node.position, "\(what) is '\(text)'; write a port from 1 to 65535")
        return nil
    }

    private func command(_ node: YAMLNode, _ what: String) -> HealthCheck.Probe? {
        guard case .sequence = node.value else {
            reader.complain(
                node.position,
                "\(what) is no list, and no shell takes it apart; write [/usr/bin/program, argument, \"{address}\"]")
            return nil
        }
        let words = reader.items(node).compactMap { reader.text($0, what) }
        guard let program = words.first, program.hasPrefix("/") else {
            reader.complain(
                node.position, "\(what) does not begin with a program's absolute path; write [/usr/bin/program, …]")
            return nil
        }
        return .command(words)
    }

    /// The `quorum` of a service.
    func quorum(_ node: YAMLNode, _ what: String) -> Configuration.Service.Quorum? {
        guard let text = reader.text(node, "quorum of \(what)") else { return nil }
        if text.hasSuffix("%") {
            if let percent = Int(text.dropLast()), 1...100 ~= percent { return .percent(percent) }
        } else if let count = Int(text), count > 0 {
            return .count(count)
        }
        reader.complain(
            node.position, "quorum of \(what) is '\(text)'; write a number of addresses, or a part such as 50%")
        return nil
    }

    private func isVisible(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } }
}
