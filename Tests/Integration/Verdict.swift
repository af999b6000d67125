import Foundation
import Support
import Testing

/// The result of delv(1) for an answer.
struct Verdict: CustomStringConvertible {
    /// The whole output.
    let description: String
    /// Type and content, without signatures.
    var records: [String] = []
    /// `nxdomain`, `nxrrset`, or empty if there are records.
    var denial: String?
    /// The types in each NSEC3 record, in alphabetical order, without RRSIG, which always accompanies another type.
    var listsOfTypes: [[String]] = []
    private var isValidated = false
    private var isUnsigned = false
    private var isRefused = false

    /// Whether the answer is validated up to the trust anchor.
    var isSecure: Bool { isValidated && !isUnsigned && !isRefused }
    /// Whether there is proof that the answer need not be signed.
    var isInsecure: Bool { isUnsigned && !isValidated && !isRefused }

    init(_ output: String) {
        description = output
        for line in output.split(separator: "\n") {
            if let reason = line.wholeMatch(of: /;; resolution failed: (.*)/) {
                if let denied = reason.1.wholeMatch(of: /ncache (\w+)/) {
                    denial = String(denied.1)
                } else {
                    isRefused = true
                }
            } else if line.hasPrefix(";") {
                isValidated = isValidated || line.hasSuffix("fully validated")
                isUnsigned = isUnsigned || line.hasSuffix("unsigned answer")
                if let proof = line.firstMatch(of: /\. NSEC3 \S+ \S+ \S+ \S+ \S+(.*)/) {
                    listsOfTypes.append(
                        proof.1.split(separator: " ").map(String.init).filter { $0 != "RRSIG" }.sorted())
                }
            } else {
                let fields = line.split(maxSplits: 4, whereSeparator: \.isWhitespace)
                if fields.count == 5 { records.append("\(fields[3]) \(fields[4])") }
            }
        }
        // For an alias without a target, delv says so only in the denial that it lists.
        if denial == nil, output.contains("-$NXRRSET") { denial = "nxrrset" }
        if denial == nil, output.contains("-$NXDOMAIN") { denial = "nxdomain" }
    }
}

extension NameServer {
    /// Queries from the address `client`, and validates the signatures with the zone's key in `anchor`.
    func validate(
        _ name: String, _ type: String, from client: Client, anchor: String = "anchor"
    ) throws -> Verdict {
        let name = name == "@" ? "geo.example.com" : "\(name).geo.example.com"
        return Verdict(
            try Tool("delv").run([
                "@127.0.0.1", "-p", "\(port)", "-b", client.rawValue, "-a", backend.folder.appending(path: anchor).path,
                "+root=geo.example.com", "+nodnssec", name, type,
            ]).output)
    }
}
