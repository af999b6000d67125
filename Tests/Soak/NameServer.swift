import CLinux
import Foundation

/// Runs a program until it ends, and returns its output and its exit status.
@discardableResult
func run(_ program: String, _ arguments: [String]) throws -> (output: String, status: Int32) {
    let output = memfd_create("output", UInt32(memfd_cloexec))
    guard output >= 0 else { throw Failure("cannot keep what a program writes: \(String(cString: strerror(errno)))") }
    let input = try openPrivately("/dev/null", O_RDONLY)
    defer { for descriptor in [input, output] { close(descriptor) } }
    let status = try Child([program] + arguments, input: input, output: output, error: output).wait()
    var text = [UInt8](repeating: 0, count: max(0, Int(lseek(output, 0, SEEK_END))))
    let size = pread(output, &text, text.count, 0)
    return (String(decoding: text.prefix(max(0, size)), as: UTF8.self), status)
}

/// Starts a program that ends when this process ends.
func startServant(_ words: [String], log: String) throws -> Child {
    let output = try openPrivately(log, O_WRONLY | O_CREAT | O_APPEND)
    let input = try openPrivately("/dev/null", O_RDONLY)
    defer { for descriptor in [input, output] { close(descriptor) } }
    return try Child(["/usr/bin/setpriv", "--pdeathsig", "TERM"] + words, input: input, output: output, error: output)
}

func children(of process: pid_t) -> [pid_t] {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
    return tasks.flatMap { task in
        ((try? String(contentsOfFile: "/proc/\(process)/task/\(task)/children", encoding: .utf8)) ?? "")
            .split(separator: " ").compactMap { pid_t($0) }
    }.sorted()
}

/// Returns the state letter of a process in /proc; Z for a zombie.
func state(of process: pid_t) -> Character? {
    let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return text.split(separator: ")").last?.first { $0 != " " }
}

/// Returns /proc/PID/statm, in pages: the address space, the resident part, and the shared part of that.
func statistics(of process: pid_t) -> [Int]? {
    let text = (try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8)) ?? ""
    let numbers = text.split(separator: " ").prefix(3).compactMap { Int($0) }
    return numbers.count == 3 ? numbers : nil
}

/// Returns a line of /proc/PID/smaps_rollup, in MiB; 0 if there is none.
func rollup(_ name: String, of process: pid_t) -> Double {
    let text = (try? String(contentsOfFile: "/proc/\(process)/smaps_rollup", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
}

func openFiles(of process: pid_t) -> Int {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")) ?? []).count
}

/// Returns the identity of the program that a process runs.
func program(of process: pid_t) -> UInt64? { file("/proc/\(process)/exe") }

/// Returns the identity of a file.
func file(_ path: String) -> UInt64? {
    var status = Glibc.stat()
    return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
}

/// Returns a port of the loopback that is free for both UDP and TCP.
func freePort() throws -> UInt16 {
    for _ in 0..<100 {
        let port = UInt16.random(in: 20_000...32_000)
        let isFree = [SOCK_DGRAM, SOCK_STREAM].allSatisfy { type in
            let descriptor = socket(AF_INET, CInt(type.rawValue), 0)
            defer { close(descriptor) }
            return bindLoopback(descriptor, address: 0x7f00_0001, port: port)
        }
        if isFree { return port }
    }
    throw Failure("no port is free")
}

func bindLoopback(_ descriptor: CInt, address: UInt32, port: UInt16) -> Bool {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = address.bigEndian
    return withUnsafeBytes(of: &name) {
        bind(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) == 0
    }
}

/// A pdns_server with geopipe as its backend, and the recommended settings.
final class NameServer {
    let port: UInt16
    let process: Child
    private let log: String
    private var readTo = 0

    /// - Parameter settings: the recommended ones, a pdns.conf.
    init(_ site: Site, settings: String) throws {
        port = try freePort()
        log = site.folder + "/pdns.log"
        // pdns itself uses this machine's time: its reaction to clock steps is not tested.
        let isStepped = !TimeOfDay.with.isEmpty
        let command =
            (isStepped ? ["/usr/bin/env"] + TimeOfDay.with : []) + [site.program, "--config", site.configuration]
        let lines = try String(contentsOfFile: settings, encoding: .utf8).split(separator: "\n")
            .map { $0.hasPrefix("pipe-command=") ? "pipe-command=" + command.joined(separator: " ") : $0 }
        try place(Data(lines.joined(separator: "\n").utf8), at: site.folder + "/pdns.conf", isInPlace: true)
        guard
            let program = ["/usr/sbin", "/usr/local/sbin"].map({ $0 + "/pdns_server" }).first(where: { file($0) != nil }
            )
        else { throw Failure("pdns_server is not installed") }
        process = try startServant(
            (isStepped ? TimeOfDay.without : []) + [
                program, "--config-dir=\(site.folder)", "--local-address=127.0.0.1", "--local-port=\(port)",
                "--write-pid=no", "--socket-dir=\(site.folder)", "--daemon=no", "--guardian=no", "--disable-syslog=yes",
            ], log: log)
        // Its threads start one after the other.
        let deadline = now() + 30_000_000_000
        var (seen, since) = (coprocesses, now())
        while seen.isEmpty || now() < since + 2_000_000_000 {
            guard process.isRunning, now() < deadline else {
                throw Failure(
                    "pdns_server does not start:\n" + ((try? String(contentsOfFile: log, encoding: .utf8)) ?? ""))
            }
            usleep(20_000)
            if coprocesses != seen { (seen, since) = (coprocesses, now()) }
        }
    }

    var coprocesses: [pid_t] { children(of: process.identifier) }

    /// The log lines of pdns and its coprocesses since the last call.
    func said() -> [String] {
        guard let file = FileHandle(forReadingAtPath: log), (try? file.seek(toOffset: UInt64(readTo))) != nil,
            let data = try? file.readToEnd(), let end = data.lastIndex(of: UInt8(ascii: "\n"))
        else { return [] }
        readTo += data.distance(from: data.startIndex, to: end) + 1
        return String(decoding: data[...end], as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Asks one question over TCP, and does not wait for the answer. pdns replaces a lost coprocess of its thread for TCP
    /// only at the next question there.
    func askOverTCP(_ question: [UInt8]) {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isConnected = withUnsafeBytes(of: &name) {
            connect(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) == 0
        }
        guard isConnected else { return }
        let message = [UInt8(question.count >> 8), UInt8(question.count & 0xff)] + question
        _ = write(descriptor, message, message.count)
        // pdns gives up a question whose client has gone.
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&wait, 1, 500)
    }

    func stop() {
        process.terminate()
        process.wait()
    }
}
