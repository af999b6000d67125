import Routing
import Telemetry
import Zones

/// What most questions are answered from: views and pointers, to use which counts no references. It is valid as long as its serving.
struct World: @unchecked Sendable {
    let zones: ZoneTable
    let answers: AnswerTable
    let maps: UnsafeMutableBufferPointer<CompiledMap>
    /// By the position of a service in the configuration, whether it may use all datacenters and all addresses.
    let isUnrestricted: UnsafeMutableBufferPointer<Bool>
    let counters: Tally.Writer
    /// How long the coprocess stays awake for the next question.
    let waitMicroseconds: Int

    private init(_ snapshot: Snapshot, isUnrestricted unrestricted: [Bool]) {
        zones = snapshot.zones
        answers = snapshot.answers
        counters = snapshot.counters
        waitMicroseconds = snapshot.manifest.waitMicroseconds
        maps = .allocate(capacity: snapshot.maps.count)
        _ = maps.initialize(from: snapshot.maps)
        isUnrestricted = .allocate(capacity: unrestricted.count)
        _ = isUnrestricted.initialize(from: unrestricted)
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
        world.pointee.maps.deinitialize()
        world.pointee.maps.deallocate()
        world.pointee.isUnrestricted.deallocate()
        UnsafeMutablePointer(mutating: world).deallocate()
    }
}
