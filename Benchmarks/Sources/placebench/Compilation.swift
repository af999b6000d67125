import Configuration
import Geography
import Routing

/// Compiles the maps of a configuration several times over, from opening the database to the last table.
func measureCompilation(database path: String, configuration file: String) throws {
    let configuration = try Configuration.load(file, databases: [path])
    var first: [Cost] = []
    var further: [Cost] = []
    var all: [Cost] = []
    var bytes: [Double] = []
    for _ in 0..<(configuration.maps.count == 1 ? 9 : 3) {
        let (cost, maps) = try Cost.of {
            var (cost, (compiler, map)) = try Cost.of {
                var compiler = try MapCompiler(configuration)
                let map = compiler.compile(configuration.maps[0].rules)
                return (compiler, map)
            }
            first.append(cost)
            // All are kept, as a backend keeps them: their memory is part of the cost.
            var maps = [map]
            for other in configuration.maps.dropFirst() {
                (cost, map) = Cost.of { compiler.compile(other.rules) }
                further.append(cost)
                maps.append(map)
            }
            return maps
        }
        all.append(cost)
        bytes = maps.map { Double($0.byteCount) }
    }
    report("first_cpu", first.map(\.cpu))
    report("first_wall", first.map(\.wall))
    if !further.isEmpty {
        report("further_cpu", further.map(\.cpu))
        report("further_wall", further.map(\.wall))
    }
    report("all_cpu", all.map(\.cpu))
    report("all_wall", all.map(\.wall))
    print("largest_table", bytes.max()!)
    report("table", bytes)
}

extension MapCompiler {
    /// Reads the databases of `configuration` for what its maps ask for, as the backend does.
    init(_ configuration: Configuration) throws {
        var atlas = Atlas()
        let fields = configuration.maps.reduce(into: PlaceFields()) { $0.formUnion($1.rules.fields) }
        for database in configuration.databases {
            try atlas.add(try MaxMindDatabase(path: database.path), fields: fields)
        }
        let sites = configuration.datacenters.map {
            ListTable.Site(identity: identity(of: $0.name), location: $0.location.map(Direction.init))
        }
        self.init(atlas, datacenters: sites)
    }
}
