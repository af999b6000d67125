import Foundation

/// A soft limit of a running process, for descriptors or memory, which can be raised again.
struct ProcessLimit {
    private let process: pid_t
    private let option: String
    private let before: String

    /// - Parameters:
    ///   - name: the name in /proc/PID/limits.
    ///   - option: the option of prlimit(1).
    private init?(_ process: pid_t, _ name: String, _ option: String, _ limit: Int) {
        (self.process, self.option) = (process, option)
        let text = (try? String(contentsOfFile: "/proc/\(process)/limits", encoding: .utf8)) ?? ""
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
            let soft = line.dropFirst(name.count).split(separator: " ").first
        else { return nil }
        before = String(soft)
        guard Self.set(process, option, "\(limit)") else { return nil }
    }

    /// Allows no more descriptors than the process has.
    static func descriptors(of process: pid_t) -> ProcessLimit? {
        ProcessLimit(process, "Max open files", "nofile", openFiles(of: process))
    }

    /// Allows some bytes of address space more than the process has.
    static func memory(of process: pid_t, more: Int) -> ProcessLimit? {
        guard let pages = statistics(of: process)?.first else { return nil }
        return ProcessLimit(process, "Max address space", "as", pages * Int(getpagesize()) + more)
    }

    func lift() { _ = Self.set(process, option, before) }

    private static func set(_ process: pid_t, _ option: String, _ limit: String) -> Bool {
        (try? run("/usr/bin/prlimit", ["--pid", "\(process)", "--\(option)=\(limit):"]))?.status == 0
    }
}
