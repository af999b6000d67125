import Glibc
import Synchronization

/// The time of day of the programs that the soak starts. It can be set without changing this machine's clock, because
/// `Tests/SoakClock` replaces their clock functions.
final class TimeOfDay {
    /// The maximum number of steps in the file.
    private static let room = 4_095
    /// The number of steps, then for each step the machine's time and the offset from then on, in nanoseconds.
    private let memory: UnsafeMutablePointer<Int64>
    private var count = 0
    /// The offset from this machine's time, in seconds.
    private(set) var offset = 0

    /// - Parameters:
    ///   - library: `Tests/SoakClock`, compiled.
    ///   - file: the path for the steps.
    init(library: String, file: String) throws {
        let size = 8 + 16 * Self.room
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0, ftruncate(descriptor, size) == 0,
            let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), start != MAP_FAILED
        else { throw Failure("cannot map \(file): \(String(cString: strerror(errno)))") }
        close(descriptor)
        memory = start.assumingMemoryBound(to: Int64.self)
        setenv("SOAK_CLOCK", file, 1)
        setenv("LD_PRELOAD", library, 1)
    }

    /// The words before a command that runs with this machine's own time.
    static let without = ["/usr/bin/env", "-u", "LD_PRELOAD"]
    /// The words before a command that runs with this time of day.
    static var with: [String] {
        ["SOAK_CLOCK", "LD_PRELOAD"].compactMap { (name: String) in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
    }

    /// Sets the clock to this machine's time plus an offset in seconds.
    ///
    /// - Returns: false if the file has no room for another step.
    func set(to offset: Int) -> Bool {
        guard count < Self.room else { return false }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        memory[1 + 2 * count] = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        memory[2 + 2 * count] = Int64(offset) * 1_000_000_000
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        count += 1
        memory[0] = Int64(count)
        self.offset = offset
        return true
    }
}
