/// A part of the state that answers may depend on. Each has a value at any time.
enum Part: Hashable, CustomStringConvertible {
    /// The version of a file, from 1; for networks 0 without the file. The versions of the database are 0 and 1.
    case configuration, zone, networks, database
    /// The percentage of networks for which a datacenter is drained, for one service or for all.
    case drain(Datacenter, Service?)
    /// 1 if a datacenter is forced up, else 0.
    case force(Datacenter)
    /// 1 if the checked address with this number is up, else 0.
    case health(Int)
    /// A bit for each of the `Places` for which a datacenter is drained.
    case places(Datacenter)
    /// For a client: 100 if a datacenter that has come back does not take it yet. It has no stored value.
    case ramp(Datacenter)
    /// The percentage of networks that are spread to Ashburn before Singapore.
    case order
    /// The rollout and the clients that get its new side: see `RolloutStep`.
    case rollout

    static let files: [Part] = [.configuration, .zone, .networks, .database]
    private static let services = Service.allCases.count + 1
    static let count = Part.health(0).index + checkedAddresses
    /// Two addresses of each datacenter.
    static let checkedAddresses = 6
    /// By the capacities of Ashburn and Singapore.
    static let orderShare = 75

    var index: Int {
        let drains = 4 + 3 * Self.services
        return switch self {
        case .configuration: 0
        case .zone: 1
        case .networks: 2
        case .database: 3
        case .drain(let datacenter, let service):
            4 + Self.services * datacenter.rawValue + (service.map { $0.rawValue + 1 } ?? 0)
        case .force(let datacenter): drains + datacenter.rawValue
        case .places(let datacenter): drains + 3 + datacenter.rawValue
        case .ramp(let datacenter): drains + 6 + datacenter.rawValue
        case .order: drains + 9
        case .rollout: drains + 10
        case .health(let address): drains + 11 + address
        }
    }

    /// The initial value.
    var firstValue: Int {
        switch self {
        case .configuration, .zone, .networks, .health: 1
        case .order: Self.orderShare
        default: 0
        }
    }

    /// Whether its value is a percentage of client networks.
    var isShare: Bool {
        switch self {
        case .drain, .order: true
        default: false
        }
    }

    var description: String {
        switch self {
        case .configuration: "configuration"
        case .zone: "zone"
        case .networks: "networks"
        case .database: "database"
        case .drain(let datacenter, let service): "drain of \(datacenter)\(service.map { " for \($0)" } ?? "")"
        case .force(let datacenter): "force of \(datacenter)"
        case .health(let address): "health of 127.1.0.\(address + 1)"
        case .places(let datacenter): "drain of \(datacenter) in places"
        case .ramp(let datacenter): "coming back of \(datacenter)"
        case .order: "order of those spread over"
        case .rollout: "rollout"
        }
    }

    static func drains(of service: Service) -> [Part] {
        Datacenter.allCases.flatMap { [.drain($0, nil), .drain($0, service), .places($0)] }
    }
}
