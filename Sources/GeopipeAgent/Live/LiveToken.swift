import Glibc
import NIOHTTP1
import Platform

/// The secret with which people who are elsewhere may see the live view.
///
/// Only hashes are kept and compared: neither the time that a comparison takes nor its length says anything of the secret.
struct LiveToken: Sendable {
    private let hash: [UInt8]
    /// What a browser keeps in place of the token: it cannot be made into that.
    let cookie: String

    static let lengths = 16...256

    init(_ secret: String) {
        hash = SHA256.hash(secret.utf8)
        cookie = base64(SHA256.hash("geopipe live cookie\n\(secret)".utf8)).filter { $0 != "=" }
    }

    /// Why a file has no token that can be used, and what to do about that.
    struct Unusable: Error, CustomStringConvertible {
        var description: String
    }

    /// Reads the token of a file.
    init(file: String) throws(Unusable) { self.init(try Self.secret(file: file)) }

    /// Reads the first line of a file that others than its owner and group cannot read.
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
                description: "\(path) is open to users that it is not for; run chmod u=rw,g=r,o= \(path)")
        }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw Unusable(description: "cannot read \(path): \(systemError())") }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard lengths ~= line.count, line.allSatisfy({ 0x21...0x7e ~= $0 }) else {
            throw Unusable(
                description:
                    "the first line of \(path) is no token of \(lengths.lowerBound) to \(lengths.upperBound) visible ASCII characters; run openssl rand -hex 32 > \(path)"
            )
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Whether a request has the token as `Authorization: Bearer TOKEN`; `nil` if it has no such field.
    ///
    /// A proxy may hand on what it has asked for itself, such as Basic: that says nothing about the token.
    func isBorne(by headers: HTTPHeaders) -> Bool? {
        let bearers = headers["authorization"].map { $0.split(separator: " ") }
            .filter { $0.first?.lowercased() == "bearer" }
        guard let words = bearers.first else { return nil }
        return bearers.count == 1 && words.count == 2 && isToken(words[1])
    }

    /// Whether a text is the token.
    func isToken(_ text: some StringProtocol) -> Bool { Self.areEqual(SHA256.hash(text.utf8), hash) }

    /// Whether a text is the cookie.
    func isCookie(_ text: some StringProtocol) -> Bool {
        Self.areEqual(SHA256.hash(text.utf8), SHA256.hash(cookie.utf8))
    }

    /// Compares in a time that depends on the lengths alone.
    private static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
