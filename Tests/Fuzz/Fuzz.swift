import Glibc

/// Reads one kind of input, and crashes if the program reads it wrongly.
protocol FuzzTarget {
    init()
    func run(_ input: [UInt8])
}

/// A target, and the part of the program that it is about: libFuzzer follows inputs only there. Following all of the
/// program would take longer than the inputs.
struct WatchedTarget {
    var type: any FuzzTarget.Type
    /// Modules, such as `Zones`, and types and functions of modules, such as `Answering.Session`.
    var words: Set<String>

    init(_ type: any FuzzTarget.Type, _ words: String...) { (self.type, self.words) = (type, Set(words)) }
}

/// By the names for `make fuzz TARGET=`.
nonisolated(unsafe) let targets: [String: WatchedTarget] = {
    func answering(_ type: any FuzzTarget.Type) -> WatchedTarget {
        WatchedTarget(
            type, "PipeProtocol", "Answering.Session", "Answering.AnswerTable", "Answering.Choice",
            "Addresses.IPAddress",
            "Addresses.IPPrefix", "Addresses.parseIPv4", "Addresses.parseIPv6WithZone", "Addresses.hexadecimal",
            "DNS.NameKey", "DNS.RecordType", "DNS.packedTYPE", "DNS.NameHasher", "Geography.ClientPlace",
            "Routing.RendezvousDraw",
            "Zones.ZoneTable", "Zones.ZoneNode")
    }
    return [
        "configuration": WatchedTarget(
            ConfigurationTarget.self, "Configuration", "DNS.DomainName", "DNS.RecordContent", "Routing.PlaceRules"),
        "database": WatchedTarget(DatabaseTarget.self, "Addresses", "Geography"),
        "datagram": WatchedTarget(DatagramTarget.self, "Telemetry"),
        "dialogue": answering(DialogueTarget.self),
        "hits-log": WatchedTarget(
            HitsLogTarget.self, "Addresses.IPPrefix", "Platform", "fuzz.HitsLine", "fuzz.HitsFile", "fuzz.LeftOutLines"),
        "http-answer": WatchedTarget(
            HTTPAnswerTarget.self, "fuzz.ProbeConversation", "fuzz.LineEndingHandler", "fuzz.parseWeight", "llhttp",
            "NIOHTTP1.HTTPDecoder", "NIOHTTP1.BetterHTTPParser"),
        "http-request": WatchedTarget(
            HTTPRequestTarget.self, "fuzz.LiveHandler", "fuzz.HeaderLimitHandler", "fuzz.LiveAccess", "fuzz.LiveTarget",
            "fuzz.LiveToken", "fuzz.WebAuthority", "fuzz.LiveAnswer", "fuzz.MetricsHandler", "fuzz.ReplayOrder",
            "llhttp",
            "NIOHTTP1.HTTPDecoder", "NIOHTTP1.BetterHTTPParser"),
        "image": WatchedTarget(
            ImageTarget.self, "Addresses", "Answering", "DNS", "Geography", "Image", "Routing", "Zones"),
        "json": WatchedTarget(JSONTarget.self, "Platform"),
        "line": answering(LineTarget.self),
        "networks": WatchedTarget(
            NetworksTarget.self, "Addresses", "Configuration.NetworksFileLine", "Configuration.MapsSection",
            "Configuration.ConfigurationParser", "Routing.NetworkRules", "Routing.PlaceRules"),
        "pdns-conf": WatchedTarget(SettingsTarget.self, "PowerDNSLint"),
        "request": WatchedTarget(
            RequestTarget.self, "Addresses.IPAddress", "Platform", "fuzz.FileContents", "fuzz.LiveTarget",
            "fuzz.LiveToken",
            "fuzz.WebAuthority", "fuzz.parseWeight"),
        "state": WatchedTarget(StateTarget.self, "State", "Answering.Serving", "Answering.Candidate"),
        "vantage": WatchedTarget(VantageTarget.self, "Platform", "fuzz.VantageReport"),
        "zone": WatchedTarget(ZoneTarget.self, "DNS", "Zones"),
    ]
}()

#if FUZZ
    nonisolated(unsafe) private let target: any FuzzTarget = chosenTarget.type.init()

    private var chosenTarget: WatchedTarget {
        let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
        guard let target = targets[name] else {
            fatalError("FUZZ_TARGET is none of \(targets.keys.sorted().joined(separator: ", "))")
        }
        return target
    }

    /// libFuzzer, which calls a function with each input.
    @_silgen_name("LLVMFuzzerRunDriver")
    private func runFuzzer(
        _ count: UnsafeMutablePointer<CInt>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
        _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
    ) -> CInt

    @main
    enum Fuzzing {
        static func main() {
            watch(chosenTarget.words)
            // Created now, so that the first input is not slower.
            _ = target
            var (count, arguments) = (CommandLine.argc, CommandLine.unsafeArgv)
            exit(
                runFuzzer(&count, &arguments) { start, count in
                    target.run(Array(UnsafeBufferPointer(start: start, count: count)))
                    return 0
                })
        }
    }
#endif

/// Ends the program if a condition does not hold: libFuzzer keeps the input.
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { fatalError(message()) }
}
