import Glibc

/// What reads one kind of input. It crashes if that is read wrong.
protocol FuzzTarget {
    init()
    func run(_ input: [UInt8])
}

/// A target, and what of the program it is about: libFuzzer follows where inputs lead there. To look at all of the program after each
/// input would take longer than the input.
struct WatchedTarget {
    var type: any FuzzTarget.Type
    /// Modules, such as `Zones`, and types and functions of modules, such as `Answering.Session`.
    var words: Set<String>

    init(_ type: any FuzzTarget.Type, _ words: String...) { (self.type, self.words) = (type, Set(words)) }
}

/// By the names that `make fuzz TARGET=` takes.
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

    /// Called by libFuzzer before all else.
    @_cdecl("LLVMFuzzerInitialize")
    public func initialize(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
        watch(chosenTarget.words)
        // Made now, it takes nothing of the time of the first input.
        _ = target
        return 0
    }

    /// Called by libFuzzer with each input.
    @_cdecl("LLVMFuzzerTestOneInput")
    public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        target.run(Array(UnsafeBufferPointer(start: start, count: count)))
        return 0
    }
#endif

/// Ends the program if a condition does not hold: libFuzzer keeps the input.
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { fatalError(message()) }
}
