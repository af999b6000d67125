import Foundation
import Support
import Testing

/// pdns's caches never give one client the answer of another, and these tests would notice if they did.
@Suite("Caches of pdns_server", .cached)
struct CacheTests {
    let server: NameServer

    init() throws {
        server = try #require(NameServer.shared)
    }

    @Test("each of two clients in turn gets its own answer", arguments: Turn.all)
    func turns(turn: Turn) throws {
        #expect(try turn.mistakes(at: server) == [])
    }

    @Test(
        "killed coprocesses cost a second or two of denials under our settings, and more under pdns's own",
        arguments: [true, false])
    func killed(underOurSettings: Bool) async throws {
        let backend = try Backend(cachedConfiguration, defaults: underOurSettings ? [] : ["negquery-cache-ttl"])
        try await NameServer.run(backend) { server in
            let recovers = try recoversFromKilling(at: server, within: .seconds(underOurSettings ? 30 : 6))
            #expect(recovers == underOurSettings)
        }
    }

    /// Kills all coprocesses under load.
    ///
    /// - Parameter timeout: seconds, less than pdns's negquery-cache-ttl of 60 s.
    /// - Returns: whether all answers become right within the timeout, and stay right.
    private func recoversFromKilling(at server: NameServer, within timeout: Duration) throws -> Bool {
        let turn = Turn.all[0]
        let right = DNSClient.Answer(code: 0, addresses: turn.addresses(at: .norway))
        let denial = DNSClient.Answer(code: 3)
        let questions = Array(repeating: DNSClient.Question(turn.name(), turn.type), count: 300)
        func answers() throws -> [DNSClient.Answer] { try DNSClient(port: server.port).ask(questions) }

        // pdns ends if a coprocess is killed before it has answered the greeting.
        #expect(try eventually { try server.launches() == NameServer.launchesAtStart })
        #expect(try eventually { try server.coprocesses().count == 3 })
        #expect(try answers().allSatisfy { $0 == right })
        // pdns must notice before its next question, because it takes silence for an empty answer. A coprocess that
        // dies during a question costs a SERVFAIL, not a denial: then others have to die.
        var isDenied = false
        for _ in 0..<20 where !isDenied {
            let coprocesses = try server.coprocesses()
            for coprocess in coprocesses { kill(coprocess, SIGKILL) }
            #expect(eventually { !coprocesses.contains(where: isRunning) })
            isDenied = try eventually(within: .seconds(3)) { try answers().contains(denial) }
            if !isDenied { #expect(try eventually { try answers().allSatisfy { $0 == right } }) }
        }
        // No client gets another's answer meanwhile; no cache keeps a SERVFAIL (2).
        var strange: [DNSClient.Answer] = []
        let recovers = try eventually(within: timeout) {
            let wrong = try answers().filter { $0 != right }
            strange += wrong.filter { $0 != denial && $0.code != 2 }
            return wrong.isEmpty
        }
        #expect(strange == [])
        guard recovers else { return false }
        return try (0..<20).allSatisfy { _ in try answers().allSatisfy { $0 == right } }
    }

    @Test("clients are mixed up if answers have no scope, or empty answers have no marker")
    func naiveBackends() async throws {
        try await NameServer.run(try Backend(defaults: ["negquery-cache-ttl"], script: naiveBackend)) { server in
            for fault in Fault.allCases {
                for turn in Turn.all {
                    let victims = try Set(turn.mistakes(at: server, fault).map(\.place))
                    #expect(victims == turn.victims(of: fault), "\(fault), \(turn)")
                }
            }
        }
    }

    @Test("without the type in one place, pdns's own packet cache gives that to another client without a subnet")
    func packetCache() async throws {
        try await NameServer.run(try Backend(cachedConfiguration, defaults: ["cache-ttl"])) { server in
            for turn in Turn.all {
                let (lacking, having) =
                    turn.addresses(at: turn.first).isEmpty ? (turn.first, turn.second) : (turn.second, turn.first)
                let victims = try Set(turn.mistakes(at: server).map(\.place))
                let isHarmed = turn.addresses(at: lacking).isEmpty && turn.telling == .noSubnets
                #expect(victims == (isHarmed ? [having] : []), "\(turn)")
            }
        }
    }
}

/// The places of clients.
enum Place: String, CaseIterable {
    case norway, states, elsewhere, nowhere

    var subnet: String {
        switch self {
        case .norway: "129.240.0.0/16"
        case .states: "128.95.0.0/16"
        case .elsewhere: "143.107.0.0/16"
        case .nowhere: "130.237.0.0/16"
        }
    }

    /// The source address of a client without a subnet.
    var source: String {
        switch self {
        case .norway: "127.0.0.1"
        case .states: "127.0.0.2"
        case .elsewhere: "127.0.0.3"
        case .nowhere: "127.0.0.4"
        }
    }
}

/// Two clients of different places ask the same question in turn, for a name that no other test uses.
struct Turn: CustomTestStringConvertible {
    enum Service: String, CaseIterable {
        /// Both families everywhere, but nothing for clients with no place.
        case both
        /// IPv6 addresses in Norway only.
        case six
    }

    /// The clients that send a subnet; others are known by the source address of the question.
    enum Telling: String, CaseIterable {
        case subnets, noSubnets, firstOnly, secondOnly
    }

    let number: Int
    let service: Service
    let type: DNSClient.RecordType
    let first: Place
    let second: Place
    let telling: Telling

    var testDescription: String { "\(service) \(type): \(first), then \(second); \(telling)" }

    static let all: [Turn] = {
        var turns: [Turn] = []
        for service in Service.allCases {
            for type in [DNSClient.RecordType.a, .aaaa] {
                for first in Place.allCases {
                    for second in Place.allCases {
                        for telling in Telling.allCases {
                            let turn = Turn(
                                number: turns.count, service: service, type: type, first: first, second: second,
                                telling: telling)
                            if turn.addresses(at: first) != turn.addresses(at: second) { turns.append(turn) }
                        }
                    }
                }
            }
        }
        return turns
    }()

    func name(_ fault: Fault? = nil) -> String {
        "\(fault.map { "\($0)-" } ?? "")\(service)-\(number).geo.example.com"
    }

    /// A wrong answer.
    struct Mistake: Equatable {
        let place: Place
        let round: Int
        let answer: DNSClient.Answer
    }

    /// The wrong answers in two rounds.
    func mistakes(at server: NameServer, _ fault: Fault? = nil) throws -> [Mistake] {
        var mistakes: [Mistake] = []
        for round in 1...2 {
            for (place, tells) in [
                (first, telling == .subnets || telling == .firstOnly),
                (second, telling == .subnets || telling == .secondOnly),
            ] {
                let client = DNSClient(port: server.port, source: tells ? "127.0.0.1" : place.source)
                var answer = try client.ask([.init(name(fault), type, from: tells ? place.subnet : nil)])[0]
                answer.scope = nil
                if answer != .init(code: 0, addresses: addresses(at: place)) {
                    mistakes.append(Mistake(place: place, round: round, answer: answer))
                }
            }
        }
        return mistakes
    }

    /// The clients that get a wrong answer from a backend with that fault.
    func victims(of fault: Fault) -> Set<Place> {
        switch fault {
        case .unscoped: [second]  // gets what is kept of the first
        case .defaultUnscoped: first == .elsewhere ? [second] : second == .elsewhere ? [first] : []
        case .unmarked: first == .nowhere || second == .nowhere ? [first, second] : []  // all get "no such name"
        }
    }

    /// The right answer.
    func addresses(at place: Place) -> [String] {
        guard let number = [Place.norway: 1, .states: 2, .elsewhere: 3][place] else { return [] }
        if type == .a { return ["192.0.2.\(number)"] }
        return service == .both || place == .norway ? ["2001:db8::\(number)"] : []
    }
}

private let cachedConfiguration = """
    databases: ["\(NameServer.project.path)/examples/demo/demo.mmdb"]
    datacenters: { oslo: {}, ashburn: {}, rest: {} }
    maps:
      world:
        networks:  { 127.0.0.1/32: oslo, 127.0.0.2/32: ashburn, 127.0.0.4/32: none }
        countries: { "NO": oslo, US: ashburn, SE: none }
        default:   rest
    services:
      both:
        map: world
        ttl: 60
        answers:
          oslo:    [192.0.2.1, "2001:db8::1"]
          ashburn: [192.0.2.2, "2001:db8::2"]
          rest:    [192.0.2.3, "2001:db8::3"]
      six:
        map: world
        ttl: 60
        answers: { oslo: [192.0.2.1, "2001:db8::1"], ashburn: 192.0.2.2, rest: 192.0.2.3 }
    zones:
      geo.example.com:
        soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 7 }
        ns: [ns1.geo.example.com.]
        records:
    \(Turn.all.map { "      \($0.service)-\($0.number): { service: \($0.service) }" }.joined(separator: "\n"))
    """

extension Trait where Self == Served {
    fileprivate static var cached: Self { Self { try Backend(cachedConfiguration) } }
}

/// The fault of the naive backend.
enum Fault: String, CaseIterable {
    /// No record has a scope.
    case unscoped
    /// Records of the default rule have no scope.
    case defaultUnscoped
    /// Empty answers have no marker.
    case unmarked
}

/// Answers by the configuration, but with the fault that the queried name begins with.
private let naiveBackend = ##"""
    #!/bin/bash
    read -r _
    # pdns hands down the pipes of its other coprocesses, which would not end then.
    for descriptor in {3..99}; do eval "exec $descriptor>&-"; done
    printf 'OK\tnaive\n'
    while IFS=$'\t' read -r _ name _ type _ _ _ client; do
        case $client in
            129.240.* | 127.0.0.1/*) place=1 ;;
            128.95.* | 127.0.0.2/*) place=2 ;;
            130.237.* | 127.0.0.4/*) place= ;;
            *) place=3 ;;
        esac
        scope=16
        [[ $name != unscoped* && $name$place != defaultUnscoped*3 ]] || scope=0
        data="DATA\t$scope\t1\t$name\tIN"
        if [[ $name == geo.example.com ]]; then
            [[ $type != SOA ]] || printf "DATA\t0\t1\t$name\tIN\tSOA\t60\t1\tns1.$name hostmaster.$name 1 3600 600 86400 60\n"
        elif [[ $type$name != ANY*-* ]]; then
            :
        elif [[ $place ]]; then
            printf "$data\tA\t60\t1\t192.0.2.$place\n"
            [[ $name == *six* && $place != 1 ]] || printf "$data\tAAAA\t60\t1\t2001:db8::$place\n"
        elif [[ $name != unmarked* ]]; then
            printf "$data\tTYPE65280\t60\t1\t\\\\# 0\n"
        fi
        printf 'END\n'
    done
    """##
