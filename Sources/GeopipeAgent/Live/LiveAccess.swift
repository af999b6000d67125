import NIOHTTP1

/// Decides who may see the live view at an address.
///
/// A page of another site in an operator's browser must get no response. It could use a name of its own that resolves
/// to this address (DNS rebinding), or the operator's cookie.
struct LiveAccess: Sendable {
    /// The host names by which browsers reach it, besides `localhost` and IP addresses; in lower case.
    var names: Set<String> = []
    /// `nil` lets every client see it.
    var token: LiveToken?

    static let cookieName = "geopipe_live"

    enum Verdict: Equatable {
        case allowed
        /// The token was in the URL: the browser gets the cookie, and a redirect to the URL without the token.
        case signedIn(cookie: String)
        case refused(status: Int, message: String)
    }

    /// Decides by the head of a request.
    func judge(_ head: HTTPRequestHead) -> Verdict {
        let hosts = head.headers["host"]
        guard hosts.count == 1, let host = WebAuthority(hosts[0]) else {
            return .refused(status: 400, message: "the request must have one Host, such as name:port or address:port")
        }
        guard host.isAddress || host.host == "localhost" || names.contains(host.host) else {
            return .refused(
                status: 403,
                message:
                    "this is not \(host.host); use an IP address, or start geopipe-agent with --live-host \(host.host)"
            )
        }
        let origins = head.headers["origin"]
        guard origins.allSatisfy(host.isOrigin), origins.count <= 1 else {
            return .refused(status: 403, message: "pages of other origins have no access")
        }
        // Scripts and pictures of other pages have no origin. A link there may lead to the page itself.
        let sites = head.headers["sec-fetch-site"].map { $0.lowercased() }
        let target = LiveTarget(head.uri)
        guard target?.path == "/" || sites.allSatisfy({ $0 == "same-origin" || $0 == "none" }) else {
            return .refused(status: 403, message: "pages of other sites have no access")
        }
        guard let token else { return .allowed }
        if let target, target.path == "/", let given = target["token"] {
            return token.isToken(given) ? .signedIn(cookie: token.cookie) : Self.wrong
        }
        if let isRight = token.isBorne(by: head.headers) { return isRight ? .allowed : Self.wrong }
        let cookies: [Substring] = head.headers["cookie"].flatMap { field in
            field.split(separator: ";").map { (text: Substring) in text.drop(while: { $0 == " " }) }
        }
        let prefix = Self.cookieName + "="
        let given = cookies.filter { $0.hasPrefix(prefix) }.map { $0.dropFirst(prefix.count) }
        return given.contains(where: token.isCookie)
            ? .allowed
            : .refused(
                status: 401,
                message:
                    "this needs the token: open /?token=TOKEN once in a browser, or send Authorization: Bearer TOKEN")
    }

    private static let wrong = Verdict.refused(
        status: 401, message: "that is not the token; it is the first line of the file that --live-token-file names")
}
