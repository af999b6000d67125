import Glibc
import Telemetry

/// The metrics that Prometheus client libraries export for their process, with the same names.
/// Source: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
enum ProcessMetrics {
    /// The start time of the process, in seconds since 1970; read it early.
    static let start = {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec / 1_000_000) / 1_000
    }()

    static func write(to text: inout PrometheusText) {
        text.metric("process_start_time_seconds", .gauge, help: "When the agent was started, in seconds since 1970.")
        text.sample("process_start_time_seconds", "\(start)")
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
            text.metric("process_cpu_seconds_total", .counter, help: "Processor time that the agent has taken.")
            text.sample("process_cpu_seconds_total", "\(seconds(usage.ru_utime) + seconds(usage.ru_stime))")
        }
        if let pages = residentPages {
            text.metric("process_resident_memory_bytes", .gauge, help: "Memory of the agent.")
            text.sample("process_resident_memory_bytes", pages * sysconf(CInt(_SC_PAGESIZE)))
        }
        if let count = openFiles {
            text.metric("process_open_fds", .gauge, help: "Open files of the agent.")
            text.sample("process_open_fds", count)
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            text.metric("process_max_fds", .gauge, help: "Open files that the agent may have.")
            text.sample("process_max_fds", Int(clamping: limit.rlim_cur))
        }
    }

    private static var residentPages: Int? {
        guard let file = fopen("/proc/self/statm", "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 200)
        let count = fread(&bytes, 1, bytes.count, file)
        let fields = bytes.prefix(count).split(separator: UInt8(ascii: " "))
        return fields.count > 1 ? Int(String(decoding: fields[1], as: UTF8.self)) : nil
    }

    private static var openFiles: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Two entries are the names of folders, and one is the descriptor of this listing.
        return max(0, count - 3)
    }
}
