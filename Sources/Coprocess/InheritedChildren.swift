import Glibc
import Platform
import Synchronization

/// The children of this process that another program has started in it: that program was replaced, by a takeover or after a fault,
/// while its compiler worked. They end by themselves, and nothing else waits for them.
struct InheritedChildren: ~Copyable {
    private let processes: Mutex<[pid_t]>

    /// To be made before this program starts a process, and while it has one thread.
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

    /// Takes notice of those that have ended, so that the kernel can forget them.
    func reap() { processes.withLock { $0.removeAll { waitpid($0, nil, WNOHANG) != 0 } } }
}
