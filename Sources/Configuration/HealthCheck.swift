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

    /// A GET request.
    public struct HTTP: Hashable, Sendable {
        public var isSecure: Bool
        public var port: UInt16
        /// The path, with the query if there is one; begins with a slash.
        public var path = "/"
        /// Names the server in the request, and with TLS in the handshake and the certificate; `nil` for the address itself.
        public var host: String?
        /// The status codes that are a success.
        public var expected: [ClosedRange<UInt16>] = [200...399]
        /// A text that is in the first 64 KiB of the body.
        public var match: String?
        /// Whether the certificate must be good, for that name.
        public var verifiesCertificate = true

        public init(isSecure: Bool) {
            self.isSecure = isSecure
            port = isSecure ? 443 : 80
        }
    }

    public init(_ probe: Probe) { self.probe = probe }

    /// What is asked of an address, as one line without tabs. Two that are the same ask the same; how often has no part in it.
    ///
    /// - Parameter address: as text.
    public func target(_ address: String) -> String {
        let server = address.contains(":") ? "[\(address)]" : address
        switch probe {
        case .tcp(let port): return "tcp://\(server):\(port)"
        case .command(let words):
            return (["command", address] + words.map(escaped)).joined(separator: " ")
        case .file(let path): return "file \(address) \(escaped(path))"
        case .http(let http):
            var parts = ["\(http.isSecure ? "https" : "http")://\(server):\(http.port)\(escaped(http.path))"]
            if let host = http.host { parts.append("host=\(escaped(host))") }
            if http.expected != [200...399] {
                let codes = http.expected.map {
                    $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
                }
                parts.append("expect=\(codes.joined(separator: ","))")
            }
            if let match = http.match { parts.append("match=\(escaped(match))") }
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
    /// As text.
    public var address: String
    public var check: HealthCheck

    public init(identity: String, address: String, check: HealthCheck) {
        self.identity = identity
        self.address = address
        self.check = check
    }
}

extension Configuration.Service {
    /// The records of the datacenters that are checked, if the service has a check.
    var checkedAnswers: [Answer] {
        answers.enumerated().filter { !unchecked.contains($0.offset) }.flatMap(\.element)
    }
}

extension Configuration {
    /// All that is to be checked, each once, in the order of the configuration. Where services ask the same at different paces
    /// the first sets it.
    public var healthTargets: [HealthTarget] {
        var targets: [HealthTarget] = []
        var known: Set<String> = []
        for service in services {
            guard let check = service.check else { continue }
            for answer in service.checkedAnswers where answer.isAddress {
                let address = answer.content.text
                let identity = check.target(address)
                guard known.insert(identity).inserted else { continue }
                targets.append(HealthTarget(identity: identity, address: address, check: check))
            }
        }
        return targets
    }
}
