import Foundation
import struct Support.SeededGenerator

/// Actions on checked servers and the agent.
extension Director {
    func failServer() throws {
        guard let agent else { return }
        let number = random.number(0...(Part.checkedAddresses - 1))
        let mode = random.once(in: 2) ? CheckedServers.Mode.well : random.one(of: CheckedServers.Mode.allCases)
        rollouts.mayEnd()
        journal.note("server", "127.1.0.\(number + 1) \(mode)")
        oracle.change([(.health(number), mode == .well ? 1 : 0)]) { agent.servers.set(number, mode) }
    }

    /// Makes all servers of a datacenter fail until that is detected, and one of them come back.
    func failDatacenter(_ datacenter: Datacenter) throws {
        guard let agent else { return }
        journal.note("datacenter fails and comes back", "\(datacenter)")
        rollouts.mayEnd()
        let numbers = [2 * datacenter.rawValue, 2 * datacenter.rawValue + 1]
        oracle.change(numbers.map { (.health($0), 0) }) { for number in numbers { agent.servers.set(number, .fails) } }
        rest(7_000)
        rollouts.mayEnd()
        oracle.change([(.health(numbers[0]), 1)]) { agent.servers.set(numbers[0], .well) }
        rest(19_000)
        checkShares()
    }

    func disturbAgent() throws {
        guard let agent else { return }
        let isKilled = random.once(in: 2)
        journal.note(isKilled ? "kill the agent" : "stop the agent")
        oracle.agentIs(away: true)
        rollouts.mayEnd()
        if isKilled { agent.kill() } else { agent.pause() }
        pause(0...3_000)
        if random.once(in: 2) { try random.one(of: [drain, undrain, changeFile, failServer])() }
        journal.note("the agent goes on")
        if isKilled { try agent.start() } else { agent.goOn() }
        isAgentBlind = isAgentBlind || isKilled && !broken.isEmpty && !hasImage
        rollouts.mayEnd()
        if !isAgentBlind { oracle.agentIs(away: false) }
    }
}
