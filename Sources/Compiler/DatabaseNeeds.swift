import Configuration
import DNS
import Geography
import Platform
import Routing

extension Configuration {
    /// The database fields that the rules of all maps depend on.
    package var neededFields: PlaceFields { maps.reduce(into: []) { $0.formUnion($1.rules.fields) } }

    /// The database fields that metrics, the hits log and drains of places need.
    var reportedFields: PlaceFields {
        if stateDirectory != nil { return [.country, .subdivisions, .coordinates] }
        return hitsLog != nil ? [.country, .coordinates] : []
    }

    /// Returns the diagnostics about databases that lack fields which the rules need.
    ///
    /// If rules depend on fields, it is an error that a database has no field that geopipe can read, or that no
    /// database has a field that the rules need for places. A database that only has unused fields gets a warning.
    ///
    /// - Parameter contents: the contents of each database of `read`.
    func diagnostics(about contents: [DatabaseContents], of read: [DatabaseFile]) -> [Diagnostic] {
        let needed = neededFields
        var diagnostics: [Diagnostic] = []
        func diagnose(_ file: DatabaseFile, _ message: String, isWarning: Bool = false) {
            diagnostics.append(
                Diagnostic(
                    file: file.position == nil ? "--database" : self.file, position: file.position, message: message,
                    isWarning: isWarning))
        }
        let used = needed.union(reportedFields)
        for (file, contents) in zip(read, contents) where contents.found.isEmpty {
            if !contents.others.isEmpty {
                // Without rules for places, the operator has not written any yet, or routes by networks.
                guard !needed.isEmpty, contents.others.isDisjoint(with: used) else { continue }
                diagnose(
                    file,
                    "no rule here needs what \(contents.title) has: \(contents.others.words); remove it from databases",
                    isWarning: true)
            } else if contents.fieldNames.isEmpty {
                diagnose(
                    file, "\(contents.title) has no record with any field; fetch it again\(needed.need)",
                    isWarning: needed.isEmpty)
            } else {
                diagnose(
                    file,
                    "\(contents.title) has none of the fields that geopipe reads; it has \(list(contents.fieldNames))\(needed.need)",
                    isWarning: needed.isEmpty)
            }
        }
        let places = needed.subtracting(.coordinates)
        // The continent follows from the country.
        let sufficient = places.contains(.continent) ? places.union(.country) : places
        if diagnostics.allSatisfy(\.isWarning), !places.isEmpty, read.count == databases.count, let first = read.first,
            contents.allSatisfy({ $0.found.isDisjoint(with: sufficient) })
        {
            diagnostics.removeAll()
            let words = contents.map { "\($0.title) has \($0.found.union($0.others).words)" }.joined(separator: ", ")
            diagnose(first, "no database has any field that the rules need: \(words)\(places.need)")
        }
        return diagnostics
    }
}

extension DatabaseContents {
    /// The database in messages: its file, and its type by its metadata.
    fileprivate var title: String { type.isEmpty ? path : "\(path) (\(type))" }
}

/// Joins names with commas, at most 12 of them.
private func list(_ names: [String]) -> String {
    names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
}

extension PlaceFields {
    /// The names of the fields in MaxMind's spelling.
    var words: String {
        let names: [(PlaceFields, String)] = [
            (.continent, "continent.code"), (.country, "country.iso_code"),
            (.subdivisions, contains(.subdivisionNames) ? "subdivisions.names.en" : "subdivisions.iso_code"),
            (.city, "city.names.en"), (.coordinates, "location.latitude and longitude"),
            (.asn, "autonomous_system_number"),
        ]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
    }

    fileprivate var need: String {
        isEmpty
            ? ""
            : "; the rules need \(words), or what docs/configuration.md names instead of these: take a database that has them"
    }
}
