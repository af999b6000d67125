import ArgumentParser
import NIOCore
import Platform

/// Where the live view is served, and who may see it.
struct LiveOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("live"),
        help: ArgumentHelp(
            "Where the live view is served: an address and a port, or none. Where others can reach it, it needs a token.",
            valueName: "address:port"))
    var address = ListenAddress.usualLive

    @Option(
        name: .customLong("live-token-file"),
        help: ArgumentHelp(
            "A file with the token in its first line that the live view asks for; others must not be able to read it.",
            valueName: "file"))
    var tokenFile: String?

    @Option(
        name: .customLong("live-host"),
        help: ArgumentHelp(
            "A name by which browsers reach the live view, as behind a proxy. May be given several times.",
            valueName: "name"))
    var hosts: [String] = []

    func validate() throws {
        for host in hosts where !WebAuthority.isName(host) {
            throw ValidationError(
                "'\(visible(host))' is not a host name; write --live-host without http:// and without a port")
        }
    }

    /// Who may see it at an address.
    func access(at address: SocketAddress) throws(ListenFailure) -> LiveAccess {
        var access = LiveAccess(names: Set(hosts.map { $0.lowercased() }))
        if let tokenFile {
            do throws(LiveToken.Unusable) {
                access.token = try LiveToken(file: tokenFile)
            } catch {
                throw ListenFailure(reason: error.description)
            }
        } else if !address.isLoopback {
            throw ListenFailure(
                reason:
                    "others can reach that address, so it needs a token: run (umask 077; openssl rand -hex 32 > FILE), and start geopipe-agent with --live-token-file FILE"
            )
        }
        return access
    }
}
