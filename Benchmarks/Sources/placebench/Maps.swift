import Configuration
import Geography
import Platform
import Routing

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
            Site(identity: identity(of: $0.name), location: $0.location.map(UnitVector.init))
        }
        self.init(atlas, datacenters: sites)
    }
}
