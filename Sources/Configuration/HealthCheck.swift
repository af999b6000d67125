/// A health check of addresses: the probe, and how often it runs.
public struct HealthCheck: Hashable, Sendable {
    /// What to do to find out whether an address is up.
    public var probe: Probe
    /// Seconds from the start of one probe to the start of the next, from 1.
    public var interval: UInt32 = 10
    /// Seconds after which a probe without an outcome fails; from 1, at most `interval`.
    public var timeout: UInt32 = 3
    /// Successes in a row after which an address that was down is up.
    public var rise: UInt32 = 2
    /// Failures in a row after which an address is down.
    public var fall: UInt32 = 3
    /// Addresses to probe instead of those that are answered.
    public var addresses: [Answered: String] = [:]
    /// The stand-in for header values and body in `target`, as these may contain secrets: the first service whose check
    /// sends the same, and the check's number if it is not the first. `nil` if neither is sent.
    public var sender: String?

    /// An answered address for which another one is probed.
    public enum Answered: Hashable, Sendable {
        /// Each address that has no entry of its own.
        case any
        /// One address, as text.
        case address(String)
    }

    /// Returns the address to probe, as text, for an answered one.
    public func asked(about address: String) -> String {
        addresses.isEmpty ? address : addresses[.address(address)] ?? addresses[.any] ?? address
    }

    public enum Probe: Hashable, Sendable {
        case http(HTTP)
        /// Succeeds if a connection is accepted.
        case tcp(port: UInt16)
        /// A program by its absolute path, and its arguments; `{address}` is replaced by the address. Succeeds if it
        /// exits with 0.
        case command([String])
        /// Succeeds if the file can be read and does not mark the address as down; `{address}` is replaced by the
        /// address.
        case file(String)
    }

    /// A request, and the conditions for success.
    public struct HTTP: Hashable, Sendable {
        public var isSecure: Bool
        public var port: UInt16
        public var method = Method.get
        /// The path with its query; begins with a slash.
        public var path = "/"
        /// The Host of the request, and with TLS the name in the handshake and the certificate; `nil` for the address
        /// itself.
        public var host: String?
        /// Further header fields, in the order in which they are sent.
        public var headers: [Header] = []
        /// The body of a POST request.
        public var body: String?
        /// The status codes that count as success.
        public var expected: [ClosedRange<UInt16>] = [200...399]
        /// A string that must be in the first 64 KiB of the body.
        public var match: String?
        /// A string that must not be there.
        public var noMatch: String?
        /// The header field of the response that may state the weight of the address in percent; `nil` for none.
        public var weightHeader: String?
        /// Whether the certificate must be valid for that name.
        public var verifiesCertificate = true

        public init(isSecure: Bool) {
            self.isSecure = isSecure
            port = isSecure ? 443 : 80
        }

        /// The request method (RFC 9110 section 9.3).
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

    /// Returns the identity of a probe, as one line without tabs. Equal targets are probed once; the interval is not
    /// part of it.
    ///
    /// Metrics, the log and the state directory show this line. It contains nothing derived from header values or the
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
    public enum Quorum: Hashable, Sendable {
        /// This many of its addresses, or all if it has fewer; from 1.
        case count(Int)
        /// This percentage of its addresses, 1 to 100.
        case percent(Int)

        /// Returns how many of `addresses` must be up, from 1.
        public func required(of addresses: Int) -> Int {
            switch self {
            case .count(let count): min(count, addresses)
            case .percent(let percent): max(1, (addresses * percent + 99) / 100)
            }
        }
    }
}

/// An address that is checked, shared by all services that use it.
public struct HealthTarget: Sendable {
    /// The line that `HealthCheck.target` makes.
    public var identity: String
    /// The address to probe, as text.
    public var address: String
    public var check: HealthCheck
    /// The answers that depend on it, in the order of the configuration.
    public var uses: [Use]
    /// How long its services raise their share after it comes back, in seconds; 0 if none does.
    public var comesBack: UInt32

    /// An answered address of a service that depends on the target.
    public struct Use: Hashable, Sendable {
        public var service: String
        public var datacenter: String
        /// The answered address, as text.
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
    /// The records of checked datacenters; empty if the service has no check.
    var checkedAnswers: [Answer] {
        answers.enumerated().filter { !unchecked.contains($0.offset) }.flatMap(\.element)
    }
}

extension Configuration {
    /// Names the senders of header fields and bodies. Checks that send the same get the same name.
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

    /// All targets, each once, in the order of the configuration. If services probe the same target at different
    /// intervals, the first service sets the interval.
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
