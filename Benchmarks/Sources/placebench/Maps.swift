import Configuration
import Geography
import Platform
import Routing

/// The compiled maps of a configuration, and the memory that contains them.
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
    /// Reads from the databases of `configuration` the fields that its maps use, as `geopipe compile` does.
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
