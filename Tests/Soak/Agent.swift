import Foundation

/// A geopipe-agent, and the servers that it checks.
final class Agent {
    let servers: CheckedServers
    private let program: String
    private let site: Site
    private var process: Child?

    init(_ program: String, _ site: Site, _ servers: CheckedServers) throws {
        (self.program, self.site, self.servers) = (program, site, servers)
        try start()
    }

    func start() throws {
        process = try startServant(
            [program, "--config", site.configuration, "--metrics", "127.0.0.1:\(try freePort())"],
            log: site.folder + "/agent.log")
        running.number = process!.identifier
    }

    /// The running process.
    let running = RunningProcess()

    func kill() {
        guard let process else { return }
        running.number = nil
        Glibc.kill(process.identifier, SIGKILL)
        process.wait()
    }

    func pause() { if let process { Glibc.kill(process.identifier, SIGSTOP) } }

    func goOn() { if let process { Glibc.kill(process.identifier, SIGCONT) } }
}
