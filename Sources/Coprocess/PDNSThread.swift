import CLinux
import Glibc
import Platform

/// The thread of pdns that started this coprocess and sends its questions.
///
/// The thread and the coprocess take turns: one sleeps while the other works. On the same core, neither waits for
/// another core to wake up. The kernel does not know this, and often runs them on two cores.
struct PDNSThread: ~Copyable {
    /// The thread's `stat` file (proc_pid_stat(5)).
    private let descriptor: CInt
    private static let byteCount = 1024
    private let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.byteCount, alignment: 1)

    /// Finds the thread; `nil` if it cannot be found, for example if /proc is hidden from this user.
    init?() {
        let (parent, process) = (getppid(), String(getpid()))
        guard let directory = opendir("/proc/\(parent)/task") else { return nil }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let thread = withUnsafeBytes(of: &entry.pointee.d_name) { name in
                String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
            }
            let path = "/proc/\(parent)/task/\(thread)"
            guard let children = contents(ofSmallFile: "\(path)/children"),
                children.split(separator: UInt8(ascii: " ")).contains(where: { $0.elementsEqual(process.utf8) })
            else { continue }
            let descriptor = open("\(path)/stat", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return nil }
            self.descriptor = descriptor
            return
        }
        return nil
    }

    deinit {
        bytes.deallocate()
        close(descriptor)
    }

    /// Moves the calling thread to the core that the thread of pdns runs on, if it runs. Call it right after an
    /// answer, which wakes that thread.
    ///
    /// The calling thread does not stay there if the kernel finds a better core.
    func join() {
        let count = pread(descriptor, bytes.baseAddress, bytes.count, 0)
        guard count > 0, let core = Self.core(UnsafeRawBufferPointer(rebasing: bytes[..<count])) else { return }
        if core != sched_getcpu() { move_to_core(CInt(truncatingIfNeeded: core)) }
    }

    /// Returns the core that a thread runs on or is about to run on, from its `stat`; `nil` if it sleeps, or `stat`
    /// is malformed.
    static func core(_ stat: UnsafeRawBufferPointer) -> Int? {
        // The second field is a name in parentheses, which may have spaces and parentheses in it.
        guard let name = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let (space, firstField, coreField) = (UInt8(ascii: " "), 3, 39)
        var (field, core) = (firstField - 1, -1)
        for byte in stat[(name + 1)...] {
            if byte == space {
                field += 1
                if field > coreField { break }
            } else if field == firstField {
                guard byte == UInt8(ascii: "R") else { return nil }
            } else if field == coreField {
                guard case let digit = Int(byte) - Int(UInt8(ascii: "0")), 0...9 ~= digit, core < 100_000 else {
                    return nil
                }
                core = max(core, 0) * 10 + digit
            }
        }
        return core < 0 ? nil : core
    }
}
