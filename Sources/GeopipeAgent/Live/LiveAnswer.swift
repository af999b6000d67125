import Platform

/// The response to a request, unless it is a stream.
struct LiveAnswer: Equatable, Sendable {
    var status: Int
    var body: String
    var type: String
    /// Header fields in addition to those of all responses.
    var headers: [(name: String, value: String)] = []

    static func == (a: Self, b: Self) -> Bool { (a.status, a.body, a.type) == (b.status, b.body, b.type) }

    private static let json = "application/json"

    init(_ status: Int, _ body: String, type: String) { (self.status, self.body, self.type) = (status, body, type) }

    /// Returns a response that says what is wrong, and what to write instead.
    static func failure(_ status: Int, _ message: String) -> LiveAnswer {
        var answer = LiveAnswer(status, JSON.object([("error", .text(message))]).compact + "\n", type: json)
        if status == 401 { answer.headers.append(("WWW-Authenticate", "Bearer realm=\"geopipe\"")) }
        return answer
    }

    /// Returns the response to a request that needs no computation; `nil` if another initializer makes it.
    init?(atOnce server: LiveServer, _ target: LiveTarget) {
        switch target.path {
        case "/": self.init(200, server.page.html, type: "text/html; charset=utf-8")
        case "/api/state", "/api/explain", "/api/destinations": return nil
        case "/api/replay" where server.playback != nil: return nil
        case "/api/replay":
            self = .failure(404, "live traffic cannot be changed; geopipe replay shows past traffic")
        default:
            self = .failure(
                404,
                "not found; try /, /api/state, /api/stream, /api/explain, /api/destinations, or in a replay /api/replay"
            )
        }
    }

    /// Makes the response with the state, which takes some milliseconds.
    init(stateOf server: LiveServer) { self.init(200, server.stateText(), type: Self.json) }

    /// Makes the response to a question or an order.
    ///
    /// - Parameter body: the body of a `POST`.
    init(_ server: LiveServer, _ target: LiveTarget, _ body: [UInt8]) async {
        do throws(LiveRefusal) {
            switch target.path {
            case "/api/explain": self.init(200, try await Self.explanation(server, target), type: Self.json)
            case "/api/destinations": self.init(200, try await Self.destinations(server, target), type: Self.json)
            default: self.init(200, try await Self.replay(server, body), type: Self.json)
            }
        } catch {
            self = .failure(error.status, error.message)
        }
    }

    private static func replay(_ server: LiveServer, _ body: [UInt8]) async throws(LiveRefusal) -> String {
        guard let playback = server.playback else { throw LiveRefusal(status: 404, message: "no replay runs") }
        let replay = try await playback.order(ReplayOrder(reading: body))
        server.forgetState()
        return replay.json.compact
    }

    private static func questions(_ server: LiveServer) throws(LiveRefusal) -> any LiveQuestions {
        guard let questions = server.questions else {
            throw LiveRefusal(
                status: 503,
                message: "a replay has only hits; use geopipe explain and geopipe map, which read the image")
        }
        return questions
    }

    private static func explanation(_ server: LiveServer, _ target: LiveTarget) async throws(LiveRefusal) -> String {
        let questions = try questions(server)
        guard let name = target["name"], !name.isEmpty, let client = target["client"], !client.isEmpty else {
            throw LiveRefusal(
                status: 400, message: "write /api/explain?name=NAME&client=ADDRESS, such as client=192.0.2.0/24")
        }
        return try await questions.explain(name, client: client, type: target["type"])
    }

    private static func destinations(_ server: LiveServer, _ target: LiveTarget) async throws(LiveRefusal) -> String {
        try await questions(server).destinations(country: target["country"], datacenter: target["datacenter"])
    }
}
