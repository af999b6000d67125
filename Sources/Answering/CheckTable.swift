import Configuration
import DNS
import Platform

/// The checks of services and their addresses, as columns of an image.
package enum CheckTable {
    /// Writes the checks of a configuration.
    package static func write(_ configuration: Configuration, to columns: inout ColumnWriter) {
        columns.add(
            configuration.services.flatMap { service -> [Int32] in
                guard !service.checks.isEmpty else { return [0, 0, 0] }
                let comesBack = Int32(clamping: service.comesBack ?? 0)
                switch service.quorum {
                case .count(let count): return [1, Int32(clamping: count), comesBack]
                case .percent(let percent): return [2, Int32(percent), comesBack]
                }
            })
        let checked = configuration.services.map(CheckedService.init)
        columns.add(
            checked.flatMap { service in
                service?.targets.flatMap { [UInt32($0.ipv4.count), UInt32($0.ipv6.count)] } ?? []
            })
        let addresses = checked.flatMap { $0?.targets.flatMap { $0.ipv4 + $0.ipv6 } ?? [] }
        columns.add(addresses.map { UInt32($0.count) })
        columns.add(texts: addresses.joined().map(\.self))
        write(configuration.healthTargets, to: &columns)
        let notify = configuration.notify
        columns.add([Int64(notify?.every ?? 0), Int64(notify?.timeout ?? 0)])
        columns.add(texts: notify?.command ?? [])
    }

    /// Reads the checks of services, all checked addresses, and the command to run when their state changes.
    static func read(
        from columns: inout ColumnReader, serviceCount: Int, datacenterCount: Int
    ) throws(MalformedColumns) -> (
        services: [CheckedService?], targets: [HealthTarget], notify: NotifyCommand?
    ) {
        let malformed = MalformedColumns("the checks are damaged")
        let quorums = try columns.read(Int32.self)
        let counts = try columns.read(UInt32.self)
        let checkCounts = try columns.read(UInt32.self)
        var texts = try columns.readTexts()[...]
        guard quorums.count == 3 * serviceCount else { throw malformed }
        var addresses: [[String]] = []
        for i in 0..<checkCounts.count {
            let count = Int(checkCounts[i])
            guard 0...texts.count ~= count else { throw malformed }
            addresses.append(Array(texts.prefix(count)))
            texts = texts.dropFirst(count)
        }
        var targets = addresses[...]
        var services: [CheckedService?] = []
        var position = 0
        for service in 0..<serviceCount {
            let (kind, value, comesBack) = (
                quorums[3 * service], Int(quorums[3 * service + 1]), Int(quorums[3 * service + 2])
            )
            guard 0...2 ~= kind, kind == 0 || value > 0, comesBack >= 0 else { throw malformed }
            guard kind != 0 else {
                services.append(nil)
                continue
            }
            guard position + 2 * datacenterCount <= counts.count else { throw malformed }
            var lists: [CheckedService.Targets] = []
            for _ in 0..<datacenterCount {
                let (ipv4, ipv6) = (Int(counts[position]), Int(counts[position + 1]))
                position += 2
                guard ipv4 + ipv6 <= targets.count else { throw malformed }
                lists.append((Array(targets.prefix(ipv4)), Array(targets.dropFirst(ipv4).prefix(ipv6))))
                targets = targets.dropFirst(ipv4 + ipv6)
            }
            services.append(
                CheckedService(
                    lists, quorum: kind == 1 ? .count(value) : .percent(value),
                    comesBack: comesBack == 0 ? nil : comesBack))
        }
        let all = try readTargets(&columns)
        let paces = try columns.read(Int64.self)
        let command = try columns.readTexts()
        guard paces.count == 2 else { throw malformed }
        var notify: NotifyCommand?
        if !command.isEmpty {
            guard let every = UInt32(exactly: paces[0]), let timeout = UInt32(exactly: paces[1]), every > 0, timeout > 0
            else { throw malformed }
            var read = NotifyCommand(command: command)
            (read.every, read.timeout) = (every, timeout)
            notify = read
        }
        return (services, all, notify)
    }

    private static func write(_ targets: [HealthTarget], to columns: inout ColumnWriter) {
        var numbers: [Int64] = []
        var texts: [String] = []
        for target in targets {
            let check = target.check
            var fields: [Int64] = []
            var words: [String] = []
            switch check.probe {
            case .tcp(let port): fields = [0, Int64(port)]
            case .command(let arguments):
                fields = [1]
                words = arguments
            case .file(let path):
                fields = [2]
                words = [path]
            case .http(let http):
                fields =
                    [
                        3, Int64(http.port), http.isSecure ? 1 : 0, http.verifiesCertificate ? 1 : 0,
                        http.host == nil ? 0 : 1, http.match == nil ? 0 : 1, http.noMatch == nil ? 0 : 1,
                        http.weightHeader == nil ? 0 : 1, http.body == nil ? 0 : 1, Int64(http.headers.count),
                    ] + http.expected.flatMap { [Int64($0.lowerBound), Int64($0.upperBound)] }
                words =
                    [
                        http.method.rawValue, http.path, http.host ?? "", http.match ?? "", http.noMatch ?? "",
                        http.weightHeader ?? "", http.body ?? "",
                    ] + http.headers.flatMap { [$0.name, $0.value] }
            }
            numbers += [
                Int64(check.interval), Int64(check.timeout), Int64(check.rise), Int64(check.fall),
                Int64(fields.count), Int64(words.count), Int64(target.uses.count), Int64(target.comesBack),
            ]
            numbers += fields
            texts += [target.identity, target.address] + words
            texts += target.uses.flatMap { [$0.service, $0.datacenter, $0.address] }
        }
        columns.add(one: Int64(targets.count))
        columns.add(numbers)
        columns.add(texts: texts)
    }

    private static func readTargets(_ columns: inout ColumnReader) throws(MalformedColumns) -> [HealthTarget] {
        let malformed = MalformedColumns("the addresses that are checked are damaged")
        let count = try columns.readOne(Int64.self)
        let all = try columns.read(Int64.self)
        var numbers = Array(all.buffer)[...]
        var texts = try columns.readTexts()[...]
        func take(_ count: Int64) throws(MalformedColumns) -> [Int64] {
            guard 0...Int64(numbers.count) ~= count else { throw malformed }
            defer { numbers = numbers.dropFirst(Int(count)) }
            return Array(numbers.prefix(Int(count)))
        }
        func takeTexts(_ count: Int64) throws(MalformedColumns) -> [String] {
            guard 0...Int64(texts.count) ~= count else { throw malformed }
            defer { texts = texts.dropFirst(Int(count)) }
            return Array(texts.prefix(Int(count)))
        }
        func short(_ number: Int64) throws(MalformedColumns) -> UInt16 {
            guard let number = UInt16(exactly: number) else { throw malformed }
            return number
        }
        var targets: [HealthTarget] = []
        guard 0...Int64(all.count) ~= count else { throw malformed }
        for _ in 0..<count {
            let pace = try take(8)
            guard pace[..<4].allSatisfy({ 1...Int64(UInt32.max) ~= $0 }) else { throw malformed }
            let names = try takeTexts(2)
            let fields = try take(pace[4])
            let words = try takeTexts(pace[5])
            guard 0...Int64(texts.count) ~= pace[6], let comesBack = UInt32(exactly: pace[7]) else { throw malformed }
            let uses = try takeTexts(3 * pace[6])
            let probe: HealthCheck.Probe
            switch fields.first {
            case 0 where fields.count == 2: probe = .tcp(port: try short(fields[1]))
            case 1 where !words.isEmpty: probe = .command(words)
            case 2 where words.count == 1: probe = .file(words[0])
            case 3 where fields.count >= 10 && fields.count % 2 == 0:
                guard words.count >= 7, 0...Int64(words.count) ~= fields[9], words.count == 7 + 2 * Int(fields[9]),
                    let method = HealthCheck.HTTP.Method(rawValue: words[0])
                else { throw malformed }
                var http = HealthCheck.HTTP(isSecure: fields[2] == 1)
                http.port = try short(fields[1])
                http.verifiesCertificate = fields[3] == 1
                http.method = method
                http.path = words[1]
                http.host = fields[4] == 1 ? words[2] : nil
                http.match = fields[5] == 1 ? words[3] : nil
                http.noMatch = fields[6] == 1 ? words[4] : nil
                http.weightHeader = fields[7] == 1 ? words[5] : nil
                http.body = fields[8] == 1 ? words[6] : nil
                http.headers = stride(from: 7, to: words.count, by: 2).map {
                    .init(name: words[$0], value: words[$0 + 1])
                }
                http.expected = []
                for position in stride(from: 10, to: fields.count, by: 2) {
                    let (low, high) = (try short(fields[position]), try short(fields[position + 1]))
                    guard low <= high else { throw malformed }
                    http.expected.append(low...high)
                }
                probe = .http(http)
            default: throw malformed
            }
            var check = HealthCheck(probe)
            check.interval = UInt32(pace[0])
            check.timeout = UInt32(pace[1])
            check.rise = UInt32(pace[2])
            check.fall = UInt32(pace[3])
            targets.append(
                HealthTarget(
                    identity: names[0], address: names[1], check: check,
                    uses: stride(from: 0, to: uses.count, by: 3).map {
                        .init(service: uses[$0], datacenter: uses[$0 + 1], address: uses[$0 + 2])
                    }, comesBack: comesBack))
        }
        return targets
    }
}
