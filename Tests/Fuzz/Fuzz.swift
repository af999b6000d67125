import Glibc

/// What reads one kind of input. It crashes if that is read wrong.
protocol FuzzTarget {
    init()
    func run(_ input: [UInt8])
}

/// By the names that `make fuzz TARGET=` takes.
nonisolated(unsafe) private let targets: [String: any FuzzTarget.Type] = [
    "configuration": ConfigurationTarget.self,
    "database": DatabaseTarget.self,
    "datagram": DatagramTarget.self,
    "dialogue": DialogueTarget.self,
    "hits-log": HitsLogTarget.self,
    "image": ImageTarget.self,
    "json": JSONTarget.self,
    "networks": NetworksTarget.self,
    "pdns-conf": SettingsTarget.self,
    "request": RequestTarget.self,
    "state": StateTarget.self,
    "zone": ZoneTarget.self,
]

nonisolated(unsafe) private let target: any FuzzTarget = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = targets[name] else {
        fatalError("FUZZ_TARGET is none of \(targets.keys.sorted().joined(separator: ", "))")
    }
    return target.init()
}()

/// Gives an input to the target that the environment names; libFuzzer calls it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// Ends the program if a condition does not hold: libFuzzer keeps the input.
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { fatalError(message()) }
}
