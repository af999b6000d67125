import Configuration
import DNS
import Geography
import Platform
import Routing

extension Configuration {
    /// What the rules of all maps look at.
    package var neededFields: PlaceFields { maps.reduce(into: []) { $0.formUnion($1.rules.fields) } }

    /// The fields that metrics, the hits log and drains of some places need.
    var reportedFields: PlaceFields {
        if stateDirectory != nil { return [.country, .subdivisions, .coordinates] }
        return hitsLog != nil ? [.country, .coordinates] : []
    }

    /// Complaints about databases that cannot serve the rules.
    ///
    /// It is an error if rules look at fields, and a database has none at all that geopipe can read, or no database has
    /// any that the rules need for a place. A database that only has fields which nothing here uses is worth a warning.
    ///
    /// - Parameter contents: what each of `read` has.
    func complaints(about contents: [DatabaseContents], of read: [DatabaseFile]) -> [Complaint] {
        let needed = neededFields
        var complaints: [Complaint] = []
        func complain(_ file: DatabaseFile, _ message: String, isWarning: Bool = false) {
            complaints.append(
                Complaint(
                    file: file.position == nil ? "--database" : self.file, position: file.position, message: message,
                    isWarning: isWarning))
        }
        let used = needed.union(reportedFields)
        for (file, contents) in zip(read, contents) where contents.found.isEmpty {
            if !contents.others.isEmpty {
                // Who has no rules for places has written none yet, or does it with networks.
                guard !needed.isEmpty, contents.others.isDisjoint(with: used) else { continue }
                complain(
                    file,
                    "no rule here needs what \(contents.title) has: \(contents.others.words); take it out of databases",
                    isWarning: true)
            } else if contents.fieldNames.isEmpty {
                complain(
                    file, "\(contents.title) has no record with any field; fetch it again\(needed.need)",
                    isWarning: needed.isEmpty)
            } else {
                complain(
                    file,
                    "\(contents.title) has none of the fields that geopipe reads; it has \(list(contents.fieldNames))\(needed.need)",
                    isWarning: needed.isEmpty)
            }
        }
        let places = needed.subtracting(.coordinates)
        // The continent follows from the country.
        let sufficient = places.contains(.continent) ? places.union(.country) : places
        if complaints.allSatisfy(\.isWarning), !places.isEmpty, read.count == databases.count, let first = read.first,
            contents.allSatisfy({ $0.found.isDisjoint(with: sufficient) })
        {
            complaints.removeAll()
            let words = contents.map { "\($0.title) has \($0.found.union($0.others).words)" }.joined(separator: ", ")
            complain(first, "no database has any field that the rules need: \(words)\(places.need)")
        }
        return complaints
    }
}

extension DatabaseContents {
    /// The database, for people: its file, and what it says that it is.
    fileprivate var title: String { type.isEmpty ? path : "\(path) (\(type))" }
}

/// Names with commas between them; of very many only the first.
private func list(_ names: [String]) -> String {
    names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
}

extension PlaceFields {
    /// The fields as MaxMind spells them.
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
            : "; the rules need \(words), or what docs/configuration.md names in place of these: take a database that has them"
    }
}
