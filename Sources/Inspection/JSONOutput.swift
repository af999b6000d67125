import Answering
import DNS
import Geography
import Platform
import State

// The JSON output of commands. Members without a value are absent. A member that got another name is there under its old name as
// well, which is deprecated: `who` (`by`), `told` (`reportedAt`, `reported`), `birth` (`startTicks`), `complaint` and `complaints`
// (`diagnostic`, `diagnostics`), `isOld` (`isStale`).

extension Switch {
    public var json: JSON {
        .object([
            "action": .text(action.rawValue), "datacenter": .text(datacenter), "service": service.map(JSON.text),
            "places": .list(areas.map { .text($0.description) }), "share": .integer(share),
            "until": until.map(JSON.integer), "by": .text(user), "who": .text(user), "since": .integer(since),
            "reason": .text(reason),
        ])
    }
}

extension HistoryEntry {
    public var json: JSON {
        .object([
            "time": .integer(time), "by": .text(user), "who": .text(user), "action": .text(action.rawValue),
            "datacenter": .text(datacenter), "service": service.map(JSON.text),
            "places": .list(areas.map { .text($0.description) }), "share": .integer(share),
            "until": until.map(JSON.integer), "overridden": .list(overridden.map(JSON.text)), "reason": .text(reason),
        ])
    }
}

extension CheckedService.FamilyHealth {
    fileprivate var json: JSON {
        .object([
            "addresses": .integer(addresses), "up": .integer(up), "required": .integer(required),
            "isUp": .boolean(isUp),
        ])
    }
}

extension CheckedService.DatacenterHealth {
    /// Both families together, and each that has addresses.
    public var json: JSON {
        .object([
            "addresses": .integer(addresses), "up": .integer(up), "required": .integer(ipv4.required + ipv6.required),
            "isUp": .boolean(isUp), "ipv4": ipv4.addresses > 0 ? ipv4.json : nil,
            "ipv6": ipv6.addresses > 0 ? ipv6.json : nil,
        ])
    }
}

extension DatabaseBuild {
    fileprivate var json: JSON { .object(["database": .text(database), "built": built.map(JSON.integer)]) }
}

extension CoprocessStatus {
    public var json: JSON {
        .object([
            "pid": .integer(process), "startTicks": startTicks.map(JSON.integer), "birth": startTicks.map(JSON.integer),
            "started": .integer(started), "reportedAt": .integer(reportedAt), "told": .integer(reportedAt),
            "questions": .integer(questions), "loaded": loaded.map(JSON.integer),
            "configuration": .text(configuration), "databases": .list(databases.map(\.json)),
            "diagnostics": .list(diagnostics.map(JSON.text)), "complaints": .list(diagnostics.map(JSON.text)),
            "refusal": refusal.map { .object(["count": .integer($0.count), "reason": .text($0.reason)]) },
            "version": .text(version), "image": image.map(JSON.text), "rollout": rollout.map(JSON.text),
            "imageFile": imageFile.map(JSON.text),
        ])
    }
}

extension Explanation {
    public var json: JSON {
        .object([
            "name": .text(name), "client": .text(client), "resolver": resolver.map(JSON.text),
            "image": .object(["id": .text(image.id), "compiled": .integer(image.compiled)]),
            "answer": .object([
                "exists": .boolean(answer.exists), "records": .list(answer.records.map(JSON.text)),
            ]),
            "databases": .list(databases.map(\.json)),
            "resolverDatabases": resolverDatabases.isEmpty ? nil : .list(resolverDatabases.map(\.json)),
            "place": place?.json, "service": service?.json,
        ])
    }
}

extension ClientPlace {
    fileprivate var json: JSON {
        .object([
            "continent": continent.map { .text("\($0)") }, "country": country.map { .text("\($0)") },
            "subdivision": subdivision.map { .text("\($0)") }, "latitude": coordinates.map { .number($0.latitude) },
            "longitude": coordinates.map { .number($0.longitude) },
        ])
    }
}

extension Explanation.DatabaseFinding {
    fileprivate var json: JSON {
        .object([
            "database": .text(database), "built": built.map(JSON.integer), "network": network.map(JSON.text),
            "continent": continent.map(JSON.text), "continentIsOfCountry": continentIsOfCountry.map(JSON.boolean),
            "country": country.map(JSON.text), "subdivisions": .list(subdivisions.map(JSON.text)),
            "city": city.map(JSON.text), "geonameID": geonameID.map { .integer(Int($0)) },
            "latitude": latitude.map(JSON.number), "longitude": longitude.map(JSON.number),
            "autonomousSystem": autonomousSystem.map { .integer(Int($0)) },
        ])
    }
}

extension Explanation.ServiceChoice {
    fileprivate var json: JSON {
        .object([
            "service": .text(service), "map": .text(map), "isByResolver": .boolean(isByResolver),
            "rules": .list(
                rules.map { .object(["rule": .text($0.rule), "destination": .text($0.destination)]) }),
            "preference": .list(preference.map { .list($0.map(\.json)) }),
            "chosen": .list(chosen.map(JSON.text)), "spreadFrom": spreadFrom.map(JSON.text),
            "scope": .text(scope), "notes": .list(notes.map(JSON.text)),
        ])
    }
}

extension Explanation.Candidate {
    fileprivate var json: JSON {
        .object([
            "datacenter": .text(datacenter), "isAvailable": .boolean(isAvailable), "isDrained": .boolean(isDrained),
            "health": health?.json, "weight": .integer(Int(weight)), "kilometres": kilometres.map(JSON.integer),
            "notes": .list(notes.map(JSON.text)),
        ])
    }
}

// MARK: - Status

extension Status {
    /// The status as JSON. Members without a value are absent, except for `image` and `rollout`, which are null.
    public var json: JSON {
        .object([
            "problems": .list(problems.map(\.json)), "datacenters": .list(datacenters.map(\.json)),
            "services": .list(services.map(\.json)), "health": health?.json,
            "coprocesses": .list(coprocesses.map(\.json)), "databases": .list(databases.map(\.json)),
            "image": image?.json ?? .null, "rollout": rollout?.json ?? .null,
            "otherRollout": otherRollout?.otherJSON, "time": .integer(time),
        ])
    }
}

extension Rollout {
    /// A rollout of another configuration, as JSON.
    public var otherJSON: JSON {
        .object([
            "id": .text(id), "state": .text(progress.rawValue), "configuration": .text(configuration),
            "owner": .text(owner), "since": .integer(since),
        ])
    }
}

extension Status.Problem {
    fileprivate var json: JSON {
        .object([
            "severity": .text(severity.rawValue), "kind": .text(kind.rawValue), "message": .text(message),
            "hint": hint.map(JSON.text),
        ])
    }
}

extension Status.Datacenter {
    fileprivate var json: JSON {
        let health = health.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value.json) }
        return .object([
            "name": .text(name), "state": .text(state.rawValue), "drains": .list(drains.map(\.json)),
            "forced": .list(forced.map(\.json)),
            "health": .object(health),
        ])
    }
}

extension Status.Service {
    fileprivate var json: JSON {
        .object([
            "name": .text(name), "spreads": .boolean(spreads),
            "datacenters": .list(
                datacenters.map {
                    .object([
                        "name": .text($0.name), "state": .text($0.state.rawValue), "health": $0.health?.json,
                        "isForced": .boolean($0.isForced), "share": $0.share?.json,
                    ])
                }),
        ])
    }
}

extension Status.Service.Share {
    fileprivate var json: JSON {
        .object([
            "percent": .integer(percent), "reported": reported.map(JSON.integer), "told": reported.map(JSON.integer),
            "growsUntil": growsUntil.map(JSON.integer),
        ])
    }
}

extension Status.Database {
    fileprivate var json: JSON {
        .object([
            "database": .text(database), "built": built.map(JSON.integer),
            "builtOnDisk": builtOnDisk.map(JSON.integer),
        ])
    }
}

extension Status.Image {
    fileprivate var json: JSON {
        .object([
            "id": .text(id), "compiled": .integer(compiled), "since": .integer(since), "bytes": .integer(bytes),
            "program": .text(program),
            "unusableZones": .list(
                unusableZones.map {
                    .object(["zone": .text($0.apex), "keptSince": $0.keptSince.map(JSON.integer)])
                }),
        ])
    }
}

extension Status.Health {
    fileprivate var json: JSON {
        .object([
            "reportedAt": reportedAt.map(JSON.integer), "told": reportedAt.map(JSON.integer),
            "agent": agent.map(JSON.integer),
            "isStale": .boolean(isOld), "isOld": .boolean(isOld), "diagnostic": diagnostic.map(JSON.text),
            "complaint": diagnostic.map(JSON.text), "checks": .list(checks.map(\.json)), "vantage": vantage?.json,
        ])
    }
}

extension VantageStanding {
    fileprivate var json: JSON {
        .object([
            "way": .text(way.rawValue), "overruled": .integer(overruled),
            "points": .list(
                points.map { point in
                    .object([
                        "name": .text(point.name), "state": .text(point.state.rawValue),
                        "age": point.age.map(JSON.integer), "known": .integer(point.known),
                        "unknown": .integer(point.unknown),
                        "trouble": point.trouble.isEmpty ? nil : .text(point.trouble),
                    ])
                }),
        ])
    }
}

extension Status.Health.Check {
    fileprivate var json: JSON {
        .object([
            "target": .text(target), "state": .text(state), "since": since.map(JSON.integer), "reason": .text(reason),
            "weight": weight.map(JSON.integer),
        ])
    }
}

extension LocalQuery.Reply {
    /// `exists`, and `records` with name, type, TTL in seconds, content and EDNS scope.
    public var json: JSON {
        let records = records.map { record in
            JSON.object([
                ("name", .text(record.name)), ("type", .text(record.type)), ("ttl", .integer(Int(record.ttl) ?? 0)),
                ("content", .text(record.content)), ("scope", .integer(record.scope)),
            ])
        }
        return .object([("exists", .boolean(exists)), ("records", .list(records))])
    }
}
