import Configuration
import Geography
import Platform
import Routing

/// Compiles the maps of a configuration several times over, from opening the database to the last table.
func measureCompilation(database path: String, configuration file: String) throws {
    let configuration = try Configuration.load(file, databases: [path])
    var reading: [Cost] = []
    var all: [Cost] = []
    var bytes = 0
    for _ in 0..<(configuration.maps.count == 1 ? 9 : 3) {
        let (cost, memory) = try Cost.of {
            var (cost, compiler) = try Cost.of { try MapCompiler(configuration) }
            reading.append(cost)
            return ColumnMemory { compiler.write(configuration.maps.map(\.rules), to: &$0) }
        }
        all.append(cost)
        bytes = memory.bytes.count
    }
    var atlas = Atlas()
    for database in configuration.databases {
        try atlas.add(try MaxMindDatabase(path: database.path), fields: .clientPlace)
    }
    let (placesCost, places) = Cost.of { ColumnMemory { PlaceIndex.write(atlas, to: &$0) } }
    print("places_cpu", placesCost.cpu)
    print("places", places.bytes.count)
    report("reading_cpu", reading.map(\.cpu))
    report("all_cpu", all.map(\.cpu))
    report("all_wall", all.map(\.wall))
    print("tables", bytes)
}

/// Compiled maps, and the memory that they are in.
struct Maps {
    let memory: ColumnMemory
    let maps: [CompiledMap]

    init(_ configuration: Configuration) throws {
        var compiler = try MapCompiler(configuration)
        memory = ColumnMemory { compiler.write(configuration.maps.map(\.rules), to: &$0) }
        var reader = memory.reader
        maps = try CompiledMap.all(from: &reader, datacenterCount: configuration.datacenters.count)
    }
}

extension MapCompiler {
    /// Reads the databases of `configuration` for what its maps ask for, as the compiler does.
    init(_ configuration: Configuration) throws {
        var atlas = Atlas()
        let fields = configuration.maps.reduce(into: PlaceFields()) { $0.formUnion($1.rules.fields) }
        for database in configuration.databases {
            try atlas.add(try MaxMindDatabase(path: database.path), fields: fields)
        }
        let sites = configuration.datacenters.map {
            Site(identity: identity(of: $0.name), location: $0.location.map(Direction.init))
        }
        self.init(atlas, datacenters: sites)
    }
}
