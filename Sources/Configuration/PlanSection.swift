extension Configuration {
    /// The limits of a change, for `geopipe plan`.
    public struct PlanLimits: Sendable {
        /// The part of the clients that may move to another datacenter, in percent.
        public var move = 10
        /// The part of the names that may be added, removed or changed, in percent.
        public var names = 30
        /// The peak traffic, in percent of the capacity of all datacenters together.
        public var peak = 50
        /// The longest time that resolvers may cache answers from before the change, in seconds.
        public var oldTTL = 3_600

        public init() {}
    }
}

extension ConfigurationParser {
    mutating func parsePlan(_ node: YAMLNode) {
        let fields = reader.fields(node, "plan", .plan)
        func percent(_ name: String, _ limit: WritableKeyPath<Configuration.PlanLimits, Int>) {
            guard let node = fields[name]?.value, let text = reader.text(node, "\(name) of plan") else { return }
            if text.hasSuffix("%"), let percent = Int(text.dropLast()), 0...100 ~= percent {
                configuration.planLimits[keyPath: limit] = percent
            } else {
                reader.diagnose(
                    node.position, "\(name) of plan is '\(text)'; write a percentage from 0% to 100%, such as 10%")
            }
        }
        percent("max_move", \.move)
        percent("max_names", \.names)
        percent("peak", \.peak)
        if let node = fields["max_ttl"]?.value, let seconds = positiveSeconds(node, "max_ttl of plan") {
            configuration.planLimits.oldTTL = Int(seconds)
        }
    }
}
