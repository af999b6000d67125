import Answering
import Configuration
import DNS
import Geography
import Glibc
import Inspection
import Platform
import State
import Synchronization

/// Answers questions of viewers from the image in force. One question is worked at after another, each in a thread of its own that gives
/// way to all others.
final class LiveQueryRunner: LiveQuestions {
    private let file: String
    private let directory: StateDirectory
    private let work = Mutex(Work())

    private struct Work {
        var snapshot: Snapshot?
        /// The name of its file.
        var name: String?
        /// Who goes where by it, as far as that was asked for.
        var shares: [ClientShares]?
        /// The configuration that it was made from, if that is still what is on disk.
        var configuration: Configuration?
        /// When something was asked last, on the monotonic clock.
        var asked = 0.0
        /// When it was last found to be the one in force, on the same clock.
        var looked = -Double.infinity
    }

    /// Seconds that an image is held after a question.
    private static let patience = 60.0
    /// Seconds between two looks at which image is in force.
    private static let freshness = 1.0

    /// - Parameter file: the configuration's file.
    init(_ file: String, _ directory: StateDirectory) { (self.file, self.directory) = (file, directory) }

    func destinations(country: String?, datacenter: String?) async throws(LiveRefusal) -> String {
        guard country != nil || datacenter != nil else {
            throw LiveRefusal(status: 400, message: "say whose destinations: ?country=NO or ?datacenter=NAME")
        }
        if let country, !country.isEmpty, PlaceCode(country) == nil {
            throw LiveRefusal(
                status: 400, message: "'\(visible(country))' is no country; write its two letters, such as NO")
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
                message: "'\(visible(client))' is no client; write an address such as 192.0.2.1 or a network such as"
                    + " 192.0.2.0/24")
        }
        if let type, RecordType(type) == nil {
            throw LiveRefusal(status: 400, message: "'\(visible(type))' is no record type; write one such as A")
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

    /// Lets go of an image that is not asked any more, because it takes memory after another is in force.
    ///
    /// - Parameter now: on the monotonic clock.
    func letGo(at now: Double) {
        _ = work.withLockIfAvailable { work in
            if now - work.asked > Self.patience { work = Work() }
        }
    }

    private func answer(
        _ body: @escaping @Sendable (inout Work) throws(LiveRefusal) -> String
    ) async throws(LiveRefusal) -> String {
        let result = await inThread { () -> Result<String, LiveRefusal> in
            // Of this thread alone, on Linux.
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

    /// The image in force.
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
    /// Who goes where: of each country the part of its clients that each datacenter gets.
    ///
    /// - Parameters:
    ///   - country: its code; empty for clients whose country is not known; `nil` for all.
    ///   - datacenter: `nil` for all.
    fileprivate func parts(country: String?, datacenter: String?) -> JSON {
        let countries = Dictionary(grouping: places) { $0.country?.description ?? "" }
        var parts: [JSON] = []
        for (code, places) in countries.sorted(by: { $0.key < $1.key }) where country == nil || country == code {
            let shares = places.flatMap(\.shares)
            let all = Amount(of: shares)
            let amounts = Dictionary(grouping: shares, by: \.datacenter).mapValues { Amount(of: $0).part(of: all) }
            let sorted = amounts.sorted { $0.value != $1.value ? $0.value > $1.value : ($0.key ?? "") < ($1.key ?? "") }
            // What is shown as 0 would only be a question.
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
