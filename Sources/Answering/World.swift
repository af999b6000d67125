import Routing
import Telemetry
import Zones

/// The data that most questions need: views and pointers, used without reference counting. Valid as long as its
/// `Serving`.
struct World: @unchecked Sendable {
    let zones: UnsafePointer<ZoneTable>
    let answers: AnswerTable
    let maps: UnsafePointer<CompiledMap>
    private let mapCount: Int
    /// Whether a service may use all datacenters and all addresses, by its position in the configuration.
    let isUnrestricted: UnsafePointer<Bool>
    let counters: SnapshotCounters.Writer
    /// How long the coprocess polls for the next question before it sleeps, in microseconds.
    let waitMicroseconds: Int

    private init(_ snapshot: Snapshot, isUnrestricted unrestricted: [Bool]) {
        zones = Self.copy(CollectionOfOne(snapshot.zones))
        answers = snapshot.answers
        counters = snapshot.counters
        waitMicroseconds = snapshot.manifest.waitMicroseconds
        maps = Self.copy(snapshot.maps)
        mapCount = snapshot.maps.count
        isUnrestricted = Self.copy(unrestricted)
    }

    private static func copy<Element>(_ elements: some Collection<Element>) -> UnsafePointer<Element> {
        let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(elements.count, 1))
        _ = memory.initialize(from: elements)
        return UnsafePointer(memory.baseAddress!)
    }

    /// Allocates a value that `free` deallocates.
    ///
    /// - Parameter isUnrestricted: whether each service is unrestricted, by its position in the configuration.
    static func made(_ snapshot: Snapshot, isUnrestricted: [Bool]) -> UnsafePointer<World> {
        let world = UnsafeMutablePointer<World>.allocate(capacity: 1)
        world.initialize(to: World(snapshot, isUnrestricted: isUnrestricted))
        return UnsafePointer(world)
    }

    static func free(_ world: UnsafePointer<World>) {
        UnsafeMutablePointer(mutating: world.pointee.maps).deinitialize(count: world.pointee.mapCount)
        world.pointee.maps.deallocate()
        world.pointee.zones.deallocate()
        world.pointee.isUnrestricted.deallocate()
        UnsafeMutablePointer(mutating: world).deallocate()
    }
}
