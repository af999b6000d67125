import Configuration
import DNS
import Glibc
import Platform

extension SettingsLint {
    /// Checks the backends that pdns asks, and their order.
    mutating func inspectLaunch() {
        guard !instances.isEmpty else {
            return diagnose(settings["launch"], "pdns does not start: no backend is launched; write launch=pipe")
        }
        var prefixes: Set<String> = []
        for instance in instances where !prefixes.insert(instance.prefix).inserted {
            diagnose(
                instance.item.place,
                "pdns does not start with \(instance.item.text) launched twice; write \(launch(instances))"
            )
        }
        guard let pipe else {
            return diagnose(
                instances[0].item.place,
                "pdns never asks geopipe: no pipe backend is launched; write launch=\(([ "pipe" ] + instances.map(\.item.text)).joined(separator: ","))"
            )
        }
        let others = instances.filter { $0.prefix != pipe.prefix }
        for instance in instances.prefix(while: { $0.prefix != pipe.prefix }) {
            diagnose(
                instance.item.place,
                "pdns asks \(instance.item.text) before geopipe, which gets no question for a zone that both have; write \(launch([pipe] + others))",
                isWarning: true)
        }
        for other in others {
            guard other.backend == "pipe", settings["\(other.prefix)-command"].map(isGeopipe) ?? false else { continue }
            diagnose(
                other.item.place,
                "geopipe is launched once more, which takes as much memory again and answers only for what the first has not; put all zones into one configuration and write \(launch(instances.filter { $0.prefix != other.prefix }))",
                isWarning: true)
        }
        if let folder = settings["module-dir"], !folder.value.isEmpty, settings["load-modules"] == nil,
            access("\(folder.value)/libpipebackend.so", R_OK) != 0
        {
            diagnose(
                folder,
                "pdns does not start: \(folder.value) has no libpipebackend.so; remove module-dir, and install the pipe backend (Debian: pdns-backend-pipe)"
            )
        }
    }

    /// Returns the line that launches these instances, each once.
    private func launch(_ instances: [BackendInstance]) -> String {
        var seen: Set<String> = []
        let names = instances.filter { seen.insert($0.prefix).inserted }.map(\.item.text)
        return "launch=\(names.joined(separator: ","))"
    }

    /// The maximum number of unknown settings that are reported one by one.
    private static let unknownLimit = 100

    /// Checks for settings that pdns does not know: it does not start with them.
    mutating func inspectNames() {
        let ignored = Set(settings["ignore-unknown-settings"]?.parts(separatedBy: " ,\t").map(\.text) ?? [])
        let pipeSettings = server.settings.keys.filter { $0.hasPrefix("pipe-") }
        var known = Set(server.settings.keys)
        let pipes = instances.filter { $0.backend == "pipe" }
        if !pipes.isEmpty { known.subtract(pipeSettings) }
        for instance in pipes {
            known.formUnion(pipeSettings.map { instance.prefix + $0.dropFirst("pipe".count) })
        }
        for (name, setting) in settings.settings where known.contains(name) { inspectOldName(setting) }
        var unknown: [PowerDNSConfiguration.Setting] = []
        for (name, setting) in settings.settings where !known.contains(name) && !ignored.contains(name) {
            if let instance = instances.first(where: { $0.backend != "pipe" && name.hasPrefix("\($0.prefix)-") }) {
                // The other settings of other backends are unknown to geopipe, so they are not checked.
                let rest = String(name.dropFirst(instance.prefix.count + 1))
                if let absence = KnownSettings.absence(of: rest, ofBackend: instance.backend, in: server.version) {
                    diagnose(setting, of: absence, prefix: "\(instance.prefix)-")
                }
            } else {
                unknown.append(setting)
            }
        }
        unknown.sort { precedes($0.namePlace, $1.namePlace) }
        if unknown.count > Self.unknownLimit {
            diagnose(
                unknown[Self.unknownLimit].namePlace,
                "and \(unknown.count - Self.unknownLimit) more settings that pdns does not know; name a pdns.conf")
        }
        for setting in unknown.prefix(Self.unknownLimit) {
            let name = setting.name
            if let absence = KnownSettings.absence(of: name, in: server.version) {
                diagnose(setting, of: absence)
                continue
            }
            let near = known.compactMap { known in
                editDistance(name, known, atMost: 2).map { (distance: $0, name: known) }
            }
            if let nearest = near.min(by: { $0 < $1 }) {
                diagnose(
                    setting.namePlace,
                    "pdns does not start with the unknown setting '\(name)'; write \(nearest.name)=\(setting.value)")
            } else if let backend = KnownSettings.backends.first(where: { name.hasPrefix("\($0)-") }) {
                diagnose(
                    setting.namePlace,
                    "pdns does not start with '\(name)': launch has no backend with such a setting; remove it\(hint(name, backend))"
                )
            } else {
                diagnose(
                    setting.namePlace,
                    "pdns \(server.version) does not know '\(name)' and does not start with it\(server.isExact ? "" : ", though a newer one may"); remove it",
                    isWarning: !server.isExact)
            }
        }
    }

    /// Reports a setting that this version of pdns does not know, but another does.
    private mutating func diagnose(
        _ setting: PowerDNSConfiguration.Setting, of absence: KnownSettings.Absence, prefix: String = ""
    ) {
        switch absence {
        case .introducedLater(let version):
            diagnose(
                setting.namePlace,
                "pdns \(server.version) does not start with '\(setting.name)', which needs pdns \(version) or later; remove it"
            )
        case .removed(let release, let replacement):
            let remedy = replacement.map { "write \(prefix)\($0)=\(setting.value)" } ?? "remove it"
            diagnose(
                setting.namePlace, "pdns \(release) and newer do not start with '\(setting.name)'; \(remedy)")
        }
    }

    /// Warns of a setting that newer versions have removed, if this version knows the replacement already.
    private mutating func inspectOldName(_ setting: PowerDNSConfiguration.Setting) {
        guard let (release, replacement) = KnownSettings.removal(of: setting.name), let replacement,
            server.settings[replacement] != nil
        else { return }
        diagnose(
            setting.namePlace,
            "pdns \(release) and newer do not start with '\(setting.name)'; write \(replacement)=\(setting.value), which pdns \(server.version) knows, too",
            isWarning: true)
    }

    /// Suggests the name that a setting of the pipe backend has in the launched instance; empty if there is none.
    private func hint(_ name: String, _ backend: String) -> String {
        let rest = name.dropFirst("pipe-".count)
        guard backend == "pipe", let pipe, let setting = settings[name], server.settings["pipe-\(rest)"] != nil
        else { return "" }
        return ", or write \(pipe.prefix)-\(rest)=\(setting.value)"
    }
}
