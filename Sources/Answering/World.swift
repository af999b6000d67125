import Routing
import Telemetry
import Zones

/// What most questions are answered from: views and pointers, to use which counts no references. It is valid as long as its serving.
struct World: @unchecked Sendable {
    let zones: UnsafePointer<ZoneTable>
    let answers: AnswerTable
    let maps: UnsafePointer<CompiledMap>
    private let mapCount: Int
    /// By the position of a service in the configuration, whether it may use all datacenters and all addresses.
    let isUnrestricted: UnsafePointer<Bool>
    let counters: SnapshotCounters.Writer
    /// How long the coprocess stays awake for the next question.
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

    /// Makes one, which `free` takes away.
    ///
    /// - Parameter isUnrestricted: by the position of a service in the configuration.
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
