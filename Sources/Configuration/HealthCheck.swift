/// How it is found out whether an address is up: what is asked of it, and how often.
public struct HealthCheck: Hashable, Sendable {
    public var probe: Probe
    /// From the beginning of one to that of the next, in seconds, from 1.
    public var interval: UInt32 = 10
    /// After so many seconds without an outcome it has failed; from 1, and at most `interval`.
    public var timeout: UInt32 = 3
    /// So many successes in a row make an address up that was down.
    public var rise: UInt32 = 2
    /// So many failures in a row make an address down.
    public var fall: UInt32 = 3
    /// The addresses that are asked, in place of those that are answered.
    public var addresses: [Answered: String] = [:]
    /// What stands for the values of header fields and the body, which may have secrets, where a target is named: the first service
    /// whose check sends the same, and the check's number if it is not the first. `nil` if neither is sent.
    public var sender: String?

    /// An address of a service, for which another may be asked.
    public enum Answered: Hashable, Sendable {
        /// Each that has no entry of its own.
        case any
        /// One, as text.
        case address(String)
    }

    /// The address to ask, as text, about one that is answered.
    public func asked(about address: String) -> String {
        addresses.isEmpty ? address : addresses[.address(address)] ?? addresses[.any] ?? address
    }

    /// What is asked.
    public enum Probe: Hashable, Sendable {
        case http(HTTP)
        /// Succeeds if a connection is accepted.
        case tcp(port: UInt16)
        /// A program, by its absolute path, and its arguments, in which `{address}` stands for the address. Succeeds if it exits
        /// with 0.
        case command([String])
        /// Succeeds if the file can be read and does not say that the address is down; `{address}` stands for the address.
        case file(String)
    }

    /// A request, and what makes its answer a success.
    public struct HTTP: Hashable, Sendable {
        public var isSecure: Bool
        public var port: UInt16
        public var method = Method.get
        /// The path, with the query if there is one; begins with a slash.
        public var path = "/"
        /// Names the server in the request, and with TLS in the handshake and the certificate; `nil` for the address itself.
        public var host: String?
        /// Further header fields, in the order in which they are sent.
        public var headers: [Header] = []
        /// What a POST request carries.
        public var body: String?
        /// The status codes that are a success.
        public var expected: [ClosedRange<UInt16>] = [200...399]
        /// A text that is in the first 64 KiB of the body.
        public var match: String?
        /// A text that must not be there.
        public var noMatch: String?
        /// The header field of the answer that may say how many of 100 clients the address takes; `nil` for none.
        public var weightHeader: String?
        /// Whether the certificate must be good, for that name.
        public var verifiesCertificate = true

        public init(isSecure: Bool) {
            self.isSecure = isSecure
            port = isSecure ? 443 : 80
        }

        /// What is asked for (RFC 9110 section 9.3).
        public enum Method: String, CaseIterable, Sendable {
            case get = "GET"
            case head = "HEAD"
            case post = "POST"
        }

        /// A header field of the request.
        public struct Header: Hashable, Sendable {
            public var name: String
            public var value: String

            public init(name: String, value: String) {
                self.name = name
                self.value = value
            }
        }
    }

    public init(_ probe: Probe) { self.probe = probe }

    /// What is asked about an address that is answered, as one line without tabs. Two that are the same ask the same; how often
    /// has no part in it.
    ///
    /// Metrics, the log and the state directory have this line. Nothing in it is made from the values of header fields or from a
    /// body, from which a weak secret could be guessed: `sender` stands for them.
    ///
    /// - Parameter address: as text.
    public func target(_ address: String) -> String {
        let address = asked(about: address)
        let server = address.contains(":") ? "[\(address)]" : address
        switch probe {
        case .tcp(let port): return "tcp://\(server):\(port)"
        case .command(let words):
            return (["command", address] + words.map(escaped)).joined(separator: " ")
        case .file(let path): return "file \(address) \(escaped(path))"
        case .http(let http):
            var parts = ["\(http.isSecure ? "https" : "http")://\(server):\(http.port)\(escaped(http.path))"]
            if http.method != .get { parts.append("method=\(http.method.rawValue)") }
            if let host = http.host { parts.append("host=\(escaped(host))") }
            for header in http.headers { parts.append("header=\(header.name)") }
            if http.body != nil { parts.append("body") }
            if let sender { parts.append("of=\(escaped(sender))") }
            if http.expected != [200...399] {
                let codes = http.expected.map {
                    $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
                }
                parts.append("expect=\(codes.joined(separator: ","))")
            }
            if let match = http.match { parts.append("match=\(escaped(match))") }
            if let noMatch = http.noMatch { parts.append("no_match=\(escaped(noMatch))") }
            if let header = http.weightHeader { parts.append("weight_header=\(header)") }
            if http.isSecure, !http.verifiesCertificate { parts.append("verify=false") }
            return parts.joined(separator: " ")
        }
    }

    private func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var result = ""
        for scalar in text.unicodeScalars {
            if scalar.value <= 0x20 || scalar.value == 0x7f || scalar == "%" {
                result += "%\(digits[Int(scalar.value >> 4)])\(digits[Int(scalar.value & 15)])"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Configuration.Service {
    /// How much of a datacenter must be up.
    public enum Quorum: Hashable, Sendable {
        /// So many of its addresses, or all if it has fewer; from 1.
        case count(Int)
        /// So many of 100 of its addresses, from 1 to 100.
        case percent(Int)

        /// How many of `addresses` it asks for, from 1.
        public func required(of addresses: Int) -> Int {
            switch self {
            case .count(let count): min(count, addresses)
            case .percent(let percent): max(1, (addresses * percent + 99) / 100)
            }
        }
    }
}

/// An address that is checked, whichever services want to know.
public struct HealthTarget: Sendable {
    /// As `HealthCheck.target` has it.
    public var identity: String
    /// The address that is asked, as text.
    public var address: String
    public var check: HealthCheck
    /// What depends on it, in the order of the configuration.
    public var uses: [Use]
    /// For how long after it has come back its services raise their share, in seconds; 0 if none does.
    public var comesBack: UInt32

    /// An address of a service that is up or down with the target.
    public struct Use: Hashable, Sendable {
        public var service: String
        public var datacenter: String
        /// The address that is answered, as text.
        public var address: String

        public init(service: String, datacenter: String, address: String) {
            self.service = service
            self.datacenter = datacenter
            self.address = address
        }
    }

    public init(identity: String, address: String, check: HealthCheck, uses: [Use] = [], comesBack: UInt32 = 0) {
        self.identity = identity
        self.address = address
        self.check = check
        self.uses = uses
        self.comesBack = comesBack
    }
}

extension Configuration.Service {
    /// The records of the datacenters that are checked, if the service has a check.
    var checkedAnswers: [Answer] {
        answers.enumerated().filter { !unchecked.contains($0.offset) }.flatMap(\.element)
    }
}

extension Configuration {
    /// Names the senders of header fields and bodies. Checks that send the same, have the same.
    mutating func nameSenders() {
        struct Hidden: Hashable {
            var headers: [HealthCheck.HTTP.Header]
            var body: String?
        }
        var senders: [Hidden: String] = [:]
        for service in services.indices {
            for (number, check) in services[service].checks.enumerated() {
                guard case .http(let http) = check.probe, !http.headers.isEmpty || http.body != nil else { continue }
                let hidden = Hidden(headers: http.headers, body: http.body)
                let name = services[service].name
                let sender = senders[hidden] ?? (number == 0 ? name : "\(name)/\(number + 1)")
                senders[hidden] = sender
                services[service].checks[number].sender = sender
            }
        }
    }

    /// All that is to be checked, each once, in the order of the configuration. Where services ask the same at different paces
    /// the first sets it.
    public var healthTargets: [HealthTarget] {
        var targets: [HealthTarget] = []
        var numbers: [String: Int] = [:]
        for service in services {
            for check in service.checks {
                for (datacenter, answers) in service.answers.enumerated()
                where !service.unchecked.contains(datacenter) {
                    for answer in answers where answer.isAddress {
                        let address = answer.content.text
                        let identity = check.target(address)
                        let number = numbers[identity] ?? targets.count
                        if number == targets.count {
                            numbers[identity] = number
                            targets.append(
                                HealthTarget(identity: identity, address: check.asked(about: address), check: check))
                        }
                        let use = HealthTarget.Use(
                            service: service.name, datacenter: datacenters[datacenter].name, address: address)
                        if targets[number].uses.last != use { targets[number].uses.append(use) }
                        targets[number].comesBack = max(targets[number].comesBack, service.comesBack ?? 0)
                    }
                }
            }
        }
        return targets
    }
}
