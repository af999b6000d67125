import ArgumentParser
import NIOCore
import Platform

/// The address of the live view, and who may see it.
struct LiveOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("live"),
        help: ArgumentHelp(
            "Where to serve the live view: an address and a port, or none. If others can reach it, it needs a token.",
            valueName: "address:port"))
    var address = ListenAddress.usualLive

    @Option(
        name: .customLong("live-token-file"),
        help: ArgumentHelp(
            "A file whose first line is the token of the live view; other users must not be able to read it.",
            valueName: "file"))
    var tokenFile: String?

    @Option(
        name: .customLong("live-host"),
        help: ArgumentHelp(
            "A host name under which browsers reach the live view, such as that of a proxy. May be repeated.",
            valueName: "name"))
    var hosts: [String] = []

    func validate() throws {
        for host in hosts where !WebAuthority.isName(host) {
            throw ValidationError(
                "'\(visible(host))' is not a host name; write --live-host without http:// and without a port")
        }
    }

    /// Returns the access rules at an address.
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
