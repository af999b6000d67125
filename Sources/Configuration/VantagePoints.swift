import Geography

/// The agents that check the same addresses from elsewhere, and how this agent reads their reports.
public struct VantagePoints: Hashable, Sendable {
    /// In the order of the configuration. The agent that reads it may be one of them: it recognizes itself.
    public var points: [Point]
    /// The file whose first line is the token that readers of the report must send, and that this agent sends to the
    /// others.
    public var tokenFile: String
    /// Seconds from the start of one round of reading to the start of the next, from 1.
    public var interval: UInt32 = 2
    /// Seconds after which reading a report fails, from 1.
    public var timeout: UInt32 = 2
    /// How long a report counts, in seconds; at least `timeout` and the longer of `interval` and `timeout` together.
    public var maxAge: UInt32 = 10

    /// The maximum number of vantage points.
    public static let limit = 64

    /// An agent, and the location of its report.
    public struct Point: Hashable, Sendable {
        public var name: String
        public var isSecure: Bool
        /// An IP address, as text: checks must not depend on a name server.
        public var address: String
        public var port: UInt16
        /// Begins with a slash.
        public var path: String
        /// The file of the token that this one requires, if it differs from the common one.
        public var tokenFile: String?

        public init(name: String, isSecure: Bool = false, address: String, port: UInt16, path: String = "/vantage") {
            (self.name, self.isSecure, self.address, self.port, self.path) = (name, isSecure, address, port, path)
        }

        /// Parses `http://192.0.2.1:9353`, or https, with brackets around an IPv6 address, and a path; `nil` for
        /// anything else.
        public init?(name: String, url: String) {
            let schemes = [("http://", false, UInt16(80)), ("https://", true, UInt16(443))]
            guard let (scheme, isSecure, usualPort) = schemes.first(where: { url.hasPrefix($0.0) }),
                url.utf8.allSatisfy({ 0x21...0x7e ~= $0 && $0 != UInt8(ascii: "#") })
            else { return nil }
            let rest = url.dropFirst(scheme.count)
            let authority = rest.prefix { $0 != "/" }
            var host = authority
            var port = usualPort
            let isBracketed = authority.hasPrefix("[")
            let afterHost = isBracketed ? authority.firstIndex(of: "]") : authority.startIndex
            guard let afterHost else { return nil }
            if let colon = authority[afterHost...].lastIndex(of: ":") {
                guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { return nil }
                (host, port) = (authority[..<colon], number)
            }
            if isBracketed {
                guard host.hasSuffix("]") else { return nil }
                host = host.dropFirst().dropLast()
            }
            switch IPAddress(String(host)) {
            case .v4 where !isBracketed, .v6 where isBracketed: break
            default: return nil
            }
            let path = rest[authority.endIndex...]
            self.init(
                name: name, isSecure: isSecure, address: String(host), port: port,
                path: path.isEmpty || path == "/" ? "/vantage" : String(path))
        }

        /// The URL, without the default path.
        public var url: String {
            let host = address.contains(":") ? "[\(address)]" : address
            return "\(isSecure ? "https" : "http")://\(host):\(port)\(path == "/vantage" ? "" : path)"
        }
    }

    public init(points: [Point], tokenFile: String) { (self.points, self.tokenFile) = (points, tokenFile) }
}
