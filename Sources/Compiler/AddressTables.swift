import Answering
import Configuration
import Geography
import Platform
import Routing

/// The tables of an image that are looked up by client address: the routing, and the places. They depend on rules and
/// databases, not on zones.
public final class AddressTables: Sendable {
    /// Equals `SnapshotPlan.routingKey` of the plan that the tables were made from.
    let key: UInt64
    let routing: ColumnMemory
    let places: ColumnMemory
    /// Warnings about the databases.
    let warnings: [Diagnostic]

    private init(_ plan: SnapshotPlan) throws(ConfigurationError) {
        key = plan.routingKey
        var work = AddressTableWork(plan, try plan.atlas())
        routing = ColumnMemory { work.writeRouting(to: &$0) }
        places = work.places.wait()
        warnings = work.warnings
    }

    /// Makes the tables from the configuration on disk. A compilation reuses them if nothing has changed by then. So
    /// one thread can make them while another compiles the image that the result is compared with.
    ///
    /// - Returns: `nil` if the configuration or a database cannot be used. The compilation then reports the error.
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

/// Makes address tables: the places in a second thread, and the routing in this one.
struct AddressTableWork {
    private let plan: SnapshotPlan
    private var compiler: MapCompiler
    let places: BackgroundWork<ColumnMemory>
    /// Warnings about the databases.
    let warnings: [Diagnostic]

    init(_ plan: SnapshotPlan, _ known: (atlas: Atlas, warnings: [Diagnostic])) {
        self.plan = plan
        warnings = known.warnings
        let atlas = known.atlas
        places = BackgroundWork { ColumnMemory { PlaceIndex.write(atlas, to: &$0) } }
        compiler = MapCompiler(atlas, datacenters: plan.configuration.datacenterProperties)
    }

    mutating func writeRouting(to columns: inout ColumnWriter) {
        compiler.write(plan.configuration.maps.map(\.rules), to: &columns)
    }
}
