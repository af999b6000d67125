import Foundation

/// A geopipe-agent, and the servers that it checks.
final class Agent {
    let servers: CheckedServers
    private let program: String
    private let site: Site
    private var process: Process?

    init(_ program: String, _ site: Site, _ servers: CheckedServers) throws {
        (self.program, self.site, self.servers) = (program, site, servers)
        try start()
    }

    func start() throws {
        process = try startServant(
            program, ["--config", site.configuration, "--metrics", "127.0.0.1:\(try freePort())"],
            log: site.folder + "/agent.log")
    }

    func kill() {
        guard let process else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func pause() { if let process { Glibc.kill(process.processIdentifier, SIGSTOP) } }

    func goOn() { if let process { Glibc.kill(process.processIdentifier, SIGCONT) } }
}
