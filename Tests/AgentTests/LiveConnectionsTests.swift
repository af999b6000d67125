import Synchronization
import Testing

@testable import geopipe_agent

@Suite("Connections of the live view")
struct LiveConnectionsTests {
    private final class Client: Sendable {
        let isClosed = Atomic<Bool>(false)
    }

    private let connections = LiveConnections()

    private func admit(_ client: Client, isLocal: Bool) -> Bool {
        connections.admit(client, isLocal: isLocal) { client.isClosed.store(true, ordering: .relaxed) }
    }

    private func isClosed(_ client: Client) -> Bool { client.isClosed.load(ordering: .relaxed) }

    @Test("are closed, the longest waiting one first, when there are too many")
    func oldest() {
        let clients = (0..<130).map { _ in Client() }
        for (number, client) in clients.enumerated() {
            #expect(admit(client, isLocal: true))
            // The first has a request, and the fourth is closed.
            if number == 0 { connections.keep(client) }
            if number == 3 { connections.remove(client) }
        }
        #expect(clients.map(isClosed) == (0..<130).map { $0 == 1 })
        for client in clients.dropFirst(2) { connections.keep(client) }
        #expect(!admit(Client(), isLocal: true))
        connections.remove(clients[0])
        #expect(admit(Client(), isLocal: true))
    }

    @Test("from other machines leave 16 places to this one")
    func kept() {
        let others = (0..<112).map { _ in Client() }
        for client in others {
            #expect(admit(client, isLocal: false))
            connections.keep(client)
        }
        #expect(!admit(Client(), isLocal: false))
        let locals = (0..<16).map { _ in Client() }
        for client in locals { #expect(admit(client, isLocal: true)) }
        // A remote connection replaces only a remote one.
        #expect(!admit(Client(), isLocal: false))
        connections.remove(others[0])
        connections.remove(locals[0])
        let (first, second) = (Client(), Client())
        #expect(admit(first, isLocal: false) && admit(second, isLocal: false))
        #expect(isClosed(first) && !locals.contains(where: isClosed))
        #expect(admit(Client(), isLocal: true) && !isClosed(second))
        #expect(admit(Client(), isLocal: true) && isClosed(second))
    }
}
