/// Answers viewers' questions from the image in force. Each takes a while: call from a task, not from an event loop.
protocol LiveQuestions: Sendable {
    /// Returns the distribution of clients for `GET /api/destinations`.
    ///
    /// - Parameters:
    ///   - country: only clients of this country, ISO 3166-1 alpha-2; `nil` for all.
    ///   - datacenter: only the clients of this datacenter; `nil` for all.
    /// - Throws: what is wrong with the question.
    func destinations(country: String?, datacenter: String?) async throws(LiveRefusal) -> String

    /// Returns the answer of a client for a name, as `geopipe explain --json` prints it.
    ///
    /// - Parameters:
    ///   - client: an address, or a network such as 192.0.2.0/24.
    ///   - type: lists only records of this type; `nil` for all.
    func explain(_ name: String, client: String, type: String?) async throws(LiveRefusal) -> String
}

/// The reason why a viewer's question is rejected.
struct LiveRefusal: Error, Sendable {
    /// The HTTP status: 400 for an invalid question, 404 for an unknown object, 503 without an image.
    var status: Int
    var message: String
}
