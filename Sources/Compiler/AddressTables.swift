import Answering
import Configuration
import Geography
import Platform
import Routing

/// What an image says of addresses: where their clients are sent to, and where they are. It depends on rules and databases, and
/// not on zones.
public final class AddressTables: Sendable {
    /// As `SnapshotPlan.routingKey`.
    let key: UInt64
    let routing: ColumnMemory
    let places: ColumnMemory
    /// What is odd about the databases.
    let warnings: [Complaint]

    private init(_ plan: SnapshotPlan) throws(ConfigurationError) {
        key = plan.routingKey
        var work = AddressTableWork(plan, try plan.atlas())
        routing = ColumnMemory { work.writeRouting(to: &$0) }
        places = work.places.wait()
        warnings = work.warnings
    }

    /// Makes the tables of a configuration as it is on disk. A compilation takes them over if nothing has changed by then; so they can
    /// be made by another thread, while this one compiles what it is compared with.
    ///
    /// - Returns: `nil` if the configuration or a database cannot be used, about which the compilation will complain.
    public static func made(for request: CompileRequest) -> AddressTables? {
        do throws(ConfigurationError) {
            let configuration = try Configuration.load(
                request.configuration, databases: request.databases, hasZones: false, advises: false)
            return try AddressTables(SnapshotPlan(configuration))
        } catch {
            return nil
        }
    }
}

/// Makes address tables: the places in a thread of their own, meanwhile the routing.
struct AddressTableWork {
    private let plan: SnapshotPlan
    private var compiler: MapCompiler
    let places: BackgroundWork<ColumnMemory>
    /// What is odd about the databases.
    let warnings: [Complaint]

    init(_ plan: SnapshotPlan, _ known: (atlas: Atlas, warnings: [Complaint])) {
        self.plan = plan
        warnings = known.warnings
        let atlas = known.atlas
        places = BackgroundWork { ColumnMemory { PlaceIndex.write(atlas, to: &$0) } }
        compiler = MapCompiler(atlas, datacenters: plan.configuration.sites)
    }

    mutating func writeRouting(to columns: inout ColumnWriter) {
        compiler.write(plan.configuration.maps.map(\.rules), to: &columns)
    }
}
