import Configuration
import DNS
import Glibc
import Platform

extension SettingsLint {
    /// Checks the database backend that has the keys of signed zones.
    mutating func inspectSigning() {
        guard pipe != nil else { return }
        for instance in instances where ["gmysql", "godbc", "gpgsql", "gsqlite3"].contains(instance.backend) {
            let name = "\(instance.prefix)-dnssec"
            // The setting is off by default.
            if settings[name].map({ ["no", "off"].contains($0.value) }) ?? true {
                diagnose(
                    settings[name]?.place ?? instance.item.place,
                    "pdns signs nothing with the keys in \(instance.item.text); write \(name)=yes", isWarning: true)
            }
            if instance.backend == "gsqlite3" { inspectDatabase("\(instance.prefix)-database", instance) }
        }
    }

    private mutating func inspectDatabase(_ name: String, _ instance: BackendInstance) {
        let path = settings[name]?.value ?? "powerdns.sqlite"
        let place = settings[name]?.place ?? instance.item.place
        let example = "\(name)=/var/lib/powerdns/pdns.sqlite3"
        if !path.hasPrefix("/") {
            diagnose(
                place,
                "pdns looks for the database '\(path)' in the folder where it is started, and does not start; write \(example)"
            )
        } else if fileKind(path) != S_IFREG {
            diagnose(place, "pdns does not start: the database \(path) does not exist; make it, or write \(example)")
        }
    }

    /// Checks that pdns can ask a resolver, if a zone has ALIAS records: pdns answers these with the addresses of
    /// another name.
    mutating func inspectAliases() {
        // The type ALIAS of pdns, from the private use range.
        guard let zone = deployment.configuration.zone(with: RecordType(rawValue: 65401)) else { return }
        let expands = isOn("expand-alias")
        guard !expands || ["no", ""].contains(settings["resolver"]?.value ?? "no") else { return }
        diagnose(
            expands ? settings["resolver"] : settings["expand-alias"],
            "pdns has no address for the ALIAS of zone \(zone.apex); write \(expands ? "" : "expand-alias=yes and ")resolver=127.0.0.53, or whichever resolver there is"
        )
    }

    /// Checks a primary: it notifies its secondaries only of zones that a backend can list.
    func verdict(onNotifying isOn: Int) -> ValueRule.Verdict? {
        guard isOn == 1, !instances.isEmpty, instances.allSatisfy({ $0.backend == "pipe" }) else { return nil }
        return .risky("pdns notifies no secondary, because the pipe backend cannot list its zones", write: 0)
    }

    /// Warns if secondaries may transfer zones whose answers depend on the client.
    mutating func inspectTransfers() {
        guard deployment.configuration.isGeographic, !isOn("disable-axfr"),
            let allowed = settings["allow-axfr-ips"],
            let other = allowed.parts(separatedBy: ", \t").first(where: {
                !$0.text.hasPrefix("127.") && !$0.text.hasPrefix("::1")
            })
        else { return }
        diagnose(
            other.place,
            "a zone transfer has the answers for a client of unknown place, and a secondary at \(other.text) gives them to all clients; write allow-axfr-ips=127.0.0.0/8,::1",
            isWarning: true)
    }
}
