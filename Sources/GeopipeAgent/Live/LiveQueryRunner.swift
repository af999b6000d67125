import Answering
import Configuration
import DNS
import Geography
import Glibc
import Inspection
import Platform
import State
import Synchronization

/// Answers viewers' questions from the image in force. One question at a time runs on a thread of low priority.
final class LiveQueryRunner: LiveQuestions {
    private let file: String
    private let directory: StateDirectory
    private let work = Mutex(Work())

    private struct Work {
        var snapshot: Snapshot?
        /// The name of the image's file.
        var name: String?
        /// The distribution of clients, as far as it was requested.
        var shares: [ClientShares]?
        /// The configuration that it was made from, if that is still the one on disk.
        var configuration: Configuration?
        /// The time of the last question, on the monotonic clock.
        var asked = 0.0
        /// When it was last found to be in force, on the same clock.
        var looked = -Double.infinity
    }

    /// Seconds for which an image is held after a question.
    private static let idleTimeout = 60.0
    /// Seconds between two checks of which image is in force.
    private static let freshness = 1.0

    /// - Parameter file: the configuration's file.
    init(_ file: String, _ directory: StateDirectory) { (self.file, self.directory) = (file, directory) }

    func destinations(country: String?, datacenter: String?) async throws(LiveRefusal) -> String {
        guard country != nil || datacenter != nil else {
            throw LiveRefusal(status: 400, message: "write ?country=NO or ?datacenter=NAME")
        }
        if let country, !country.isEmpty, PlaceCode(country) == nil {
            throw LiveRefusal(
                status: 400, message: "'\(visible(country))' is not a country code; write two letters, such as NO")
        }
        return try await answer { work throws(LiveRefusal) in
            let snapshot = try self.snapshot(&work)
            if let datacenter, !snapshot.datacenterNames.contains(datacenter) {
                throw LiveRefusal(
                    status: 404,
                    message: "unknown datacenter '\(visible(datacenter))'"
                        + suggestion(for: datacenter, among: snapshot.datacenterNames))
            }
            let shares = work.shares ?? ClientShares.all(of: snapshot)
            work.shares = shares
            let code = country.map { PlaceCode($0)?.description ?? "" }
            return JSON.object([
                (
                    "services",
                    .list(
                        shares.flatMap { item -> [JSON] in
                            let parts = item.parts(country: code, datacenter: datacenter)
                            return item.services.map { JSON.object([("name", .text($0)), ("parts", parts)]) }
                        })
                )
            ]).compact
        }
    }

    func explain(_ name: String, client: String, type: String?) async throws(LiveRefusal) -> String {
        guard let prefix = IPPrefix(client) else {
            throw LiveRefusal(
                status: 400,
                message: "'\(visible(client))' is not a client; write an address such as 192.0.2.1 or a network such as"
                    + " 192.0.2.0/24")
        }
        if let type, RecordType(type) == nil {
            throw LiveRefusal(status: 400, message: "unknown record type '\(visible(type))'; write one such as A")
        }
        guard !name.isEmpty, name.utf8.allSatisfy({ 0x21...0x7e ~= $0 }) else {
            throw LiveRefusal(
                status: 400, message: "'\(visible(name))' is not a domain name; write one such as www.example.com")
        }
        let name = name.hasSuffix(".") && name.count > 1 ? String(name.dropLast()) : name
        return try await answer { work throws(LiveRefusal) in
            let snapshot = try self.snapshot(&work)
            let serving = Serving(
                snapshot, switches: (try? self.directory.switches())?.value ?? [],
                health: (try? self.directory.health())?.value, at: time(nil))
            do {
                var explanation = try serving.explain(name, for: prefix, work.configuration)
                if let type, type.uppercased() != "ANY" {
                    explanation.answer.records.removeAll {
                        $0.split(separator: "\t").dropFirst(3).first.map(String.init) != type.uppercased()
                    }
                }
                return explanation.json.compact
            } catch {
                throw LiveRefusal(status: 400, message: "\(error)")
            }
        }
    }

    /// Releases an image that is no longer used, because it takes memory after another one is in force.
    ///
    /// - Parameter now: the time on the monotonic clock.
    func letGo(at now: Double) {
        _ = work.withLockIfAvailable { work in
            if now - work.asked > Self.idleTimeout { work = Work() }
        }
    }

    private func answer(
        _ body: @escaping @Sendable (inout Work) throws(LiveRefusal) -> String
    ) async throws(LiveRefusal) -> String {
        let result = await inThread { () -> Result<String, LiveRefusal> in
            // On Linux, this concerns only this thread.
            _ = nice(10)
            return self.work.withLock { work in
                work.asked = monotonicTime()
                do throws(LiveRefusal) {
                    return .success(try body(&work))
                } catch {
                    return .failure(error)
                }
            }
        }
        return try result.get()
    }

    /// Returns the image in force.
    private func snapshot(_ work: inout Work) throws(LiveRefusal) -> Snapshot {
        let now = monotonicTime()
        if let snapshot = work.snapshot, now - work.looked < Self.freshness { return snapshot }
        let name = ImageStore(of: file, overrides: [], in: directory).currentName
        if work.snapshot == nil || name == nil || name != work.name {
            guard let snapshot = ImageStore.anyCurrent(of: file, in: directory) else {
                throw LiveRefusal(
                    status: 503, message: "no image is in force; geopipe status says why")
            }
            if snapshot.image.id != work.snapshot?.image.id { work.shares = nil }
            (work.snapshot, work.name) = (snapshot, name)
        }
        guard let snapshot = work.snapshot else { throw LiveRefusal(status: 503, message: "no image is in force") }
        work.configuration = nil
        if snapshot.isCurrent,
            let configuration = try? Configuration.load(file, hasZones: false, parsesZones: false, advises: false),
            snapshot.agrees(with: configuration)
        {
            work.configuration = configuration
        }
        work.looked = now
        return snapshot
    }
}

extension ClientShares {
    /// Returns the part of each country's clients that each datacenter gets.
    ///
    /// - Parameters:
    ///   - country: its code; empty for clients with an unknown country; `nil` for all.
    ///   - datacenter: `nil` for all.
    fileprivate func parts(country: String?, datacenter: String?) -> JSON {
        let countries = Dictionary(grouping: places) { $0.country?.description ?? "" }
        var parts: [JSON] = []
        for (code, places) in countries.sorted(by: { $0.key < $1.key }) where country == nil || country == code {
            let shares = places.flatMap(\.shares)
            let all = Amount(of: shares)
            let amounts = Dictionary(grouping: shares, by: \.datacenter).mapValues { Amount(of: $0).part(of: all) }
            let sorted = amounts.sorted { $0.value != $1.value ? $0.value > $1.value : ($0.key ?? "") < ($1.key ?? "") }
            // Parts that would be shown as 0 are confusing.
            for (name, part) in sorted where part >= 0.0005 && (datacenter == nil || datacenter == name) {
                parts.append(
                    .object([
                        ("datacenter", name.map(JSON.text) ?? .null), ("country", .text(code)), ("share", .part(part)),
                    ]))
            }
        }
        return .list(parts)
    }
}
