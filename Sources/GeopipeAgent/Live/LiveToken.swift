import Glibc
import NIOHTTP1
import Platform

/// The secret that gives access to the live view from other machines.
///
/// Only hashes are kept and compared, so that neither the duration of a comparison nor its length reveals anything.
struct LiveToken: Sendable {
    private let hash: [UInt8]
    /// The cookie of a browser: the token cannot be computed from it.
    let cookie: String
    private let cookieHash: [UInt8]

    static let lengths = 16...256

    init(_ secret: String) {
        hash = SHA256.hash(secret.utf8)
        cookie = base64(SHA256.hash("geopipe live cookie\n\(secret)".utf8)).filter { $0 != "=" }
        cookieHash = SHA256.hash(cookie.utf8)
    }

    /// The reason why a file has no usable token, and what to do about it.
    struct Unusable: Error, CustomStringConvertible {
        var description: String
    }

    /// Reads the token from a file.
    init(file: String) throws(Unusable) { self.init(try Self.secret(file: file)) }

    /// Reads the first line of a file that only its owner and group can read.
    static func secret(file: String) throws(Unusable) -> String {
        let path = visible(file)
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Unusable(description: "cannot open \(path): \(systemError())") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Unusable(description: "\(path) is not a file; name a file with a token in its first line")
        }
        guard status.st_mode & 0o027 == 0 else {
            throw Unusable(
                description: "\(path) can be read by other users; run chmod u=rw,g=r,o= \(path)")
        }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw Unusable(description: "cannot read \(path): \(systemError())") }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard lengths ~= line.count, line.allSatisfy({ 0x21...0x7e ~= $0 }) else {
            throw Unusable(
                description:
                    "the first line of \(path) is not a token of \(lengths.lowerBound) to \(lengths.upperBound) visible ASCII characters; run openssl rand -hex 32 > \(path)"
            )
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Returns whether a request has the token as `Authorization: Bearer TOKEN`; `nil` without such a field.
    ///
    /// A proxy may forward its own scheme, such as Basic: that says nothing about the token.
    func isBorne(by headers: HTTPHeaders) -> Bool? {
        let bearers = headers["authorization"].map { $0.split(separator: " ") }
            .filter { $0.first?.lowercased() == "bearer" }
        guard let words = bearers.first else { return nil }
        return bearers.count == 1 && words.count == 2 && isToken(words[1])
    }

    func isToken(_ text: some StringProtocol) -> Bool { Self.areEqual(SHA256.hash(text.utf8), hash) }

    func isCookie(_ text: some StringProtocol) -> Bool { Self.areEqual(SHA256.hash(text.utf8), cookieHash) }

    /// Compares in a time that depends only on the lengths.
    private static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
