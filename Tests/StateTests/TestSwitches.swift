import State

/// Makes a drain by a test operator.
func drained(
    _ datacenter: String, service: String? = nil, share: Int = 100, until: Int? = nil, reason: String = ""
) -> Switch {
    Switch(
        datacenter: datacenter, service: service, share: share, until: until, user: "operator", since: 1_700_000_000,
        reason: reason)
}
