import Foundation

/// What a process may have of descriptors or memory, changed while it runs: the soft limit, which need not be lowered for good.
struct ProcessLimit {
    private let process: pid_t
    private let option: String
    private let before: String

    /// - Parameters:
    ///   - name: as /proc/PID/limits has it.
    ///   - option: as prlimit(1) has it.
    private init?(_ process: pid_t, _ name: String, _ option: String, _ limit: Int) {
        (self.process, self.option) = (process, option)
        let text = (try? String(contentsOfFile: "/proc/\(process)/limits", encoding: .utf8)) ?? ""
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
            let soft = line.dropFirst(name.count).split(separator: " ").first
        else { return nil }
        before = String(soft)
        guard Self.set(process, option, "\(limit)") else { return nil }
    }

    /// No descriptor more than it has.
    static func descriptors(of process: pid_t) -> ProcessLimit? {
        ProcessLimit(process, "Max open files", "nofile", openFiles(of: process))
    }

    /// So many bytes more of address space than it has.
    static func memory(of process: pid_t, more: Int) -> ProcessLimit? {
        guard let pages = statistics(of: process)?.first else { return nil }
        return ProcessLimit(process, "Max address space", "as", pages * Int(getpagesize()) + more)
    }

    func lift() { _ = Self.set(process, option, before) }

    private static func set(_ process: pid_t, _ option: String, _ limit: String) -> Bool {
        (try? run("/usr/bin/prlimit", ["--pid", "\(process)", "--\(option)=\(limit):"]))?.status == 0
    }
}
