/// Answers of the image in force for people who watch: each takes a while and must not be waited for on an event loop; call them from
/// a task.
protocol LiveQuestions: Sendable {
    /// Who goes where, as `GET /api/destinations` gives it.
    ///
    /// - Parameters:
    ///   - country: only clients of this country, ISO 3166-1 alpha-2 (`nil`: of all).
    ///   - datacenter: only what this datacenter gets (`nil`: all).
    /// - Throws: what is wrong with the question, in words.
    func destinations(country: String?, datacenter: String?) async throws(LiveRefusal) -> String

    /// What a client gets for a name, as `geopipe explain --json` prints it.
    ///
    /// - Parameters:
    ///   - client: an address, or a network such as 192.0.2.0/24.
    ///   - type: only records of this type are listed; `nil` for all.
    func explain(_ name: String, client: String, type: String?) async throws(LiveRefusal) -> String
}

/// Why a question of a viewer gets no answer.
struct LiveRefusal: Error, Sendable {
    /// The HTTP status: 400 for a question that is wrong, 404 for what there is not, 503 if there is no image.
    var status: Int
    /// What is wrong, and what to write instead.
    var message: String
}
