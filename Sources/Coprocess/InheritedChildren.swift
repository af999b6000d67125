import Glibc
import Platform
import Synchronization

/// The children of this process that the program before this one has started: it was replaced, by a takeover or after
/// a fault, while its compiler was running. They end by themselves, and no other code waits for them.
struct InheritedChildren: ~Copyable {
    private let processes: Mutex<[pid_t]>

    /// Finds the children. Call it before this program starts a process, and while it has one thread.
    init() {
        let file = fopen("/proc/self/task/\(getpid())/children", "re")
        var found: [pid_t] = []
        if let file {
            var process: CInt = 0
            while withUnsafeMutablePointer(to: &process, { withVaList([$0]) { vfscanf(file, "%d", $0) } }) == 1 {
                found.append(process)
            }
            fclose(file)
        }
        processes = Mutex(found)
    }

    /// Reaps the children that have ended.
    func reap() { processes.withLock { $0.removeAll { waitpid($0, nil, WNOHANG) != 0 } } }
}
