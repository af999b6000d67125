import CLinux
import Glibc
import Testing

@testable import Coprocess

@Suite("The thread of pdns that asks a coprocess")
struct ReceiverTests {
    /// A line in the format of proc_pid_stat(5).
    private func stat(name: String = "pdns/receiver", state: String = "R", core: String = "5") -> String {
        let before = Array(repeating: "0", count: 35).joined(separator: " ")
        return "4711 (\(name)) \(state) \(before) \(core) 0 0 0 0 0\n"
    }

    private func core(_ text: String) -> Int? {
        Array(text.utf8).withUnsafeBytes { PDNSThread.core($0) }
    }

    @Test("runs on the core in the 39th field of its stat, whatever its name contains")
    func reads() {
        #expect(core(stat()) == 5)
        #expect(core(stat(core: "0")) == 0)
        #expect(core(stat(core: "127")) == 127)
        #expect(core(stat(name: "a) R (b")) == 5)
    }

    @Test("is not followed while it sleeps, or if the line is malformed", arguments: ["S", "D", "Z", "RS"])
    func sleeps(state: String) {
        #expect(core(stat(state: state)) == nil)
    }

    @Test("is not followed if the line is truncated or empty")
    func malformed() {
        let text = stat()
        for length in 0..<text.utf8.count - " 5 0 0 0 0 0\n".utf8.count {
            #expect(core(String(text.prefix(length))) == nil)
        }
        #expect(core(stat(core: "-1")) == nil)
        #expect(core(stat(core: "99999999999999999999")) == nil)
        #expect(core(stat(core: "")) == nil)
    }

    @Test("is joined without restricting the cores of the coprocess")
    func joins() throws {
        let before = try cores()
        for core in [0, 1, 2, 63, 64, 1023, 1024, -1, .max, .min] as [CInt] {
            move_to_core(core)
            #expect(try cores() == before, "core \(core)")
        }
        try #require(before.first != nil)
        for core in before {
            move_to_core(CInt(core))
            #expect(try cores() == before)
        }
    }

    @Test("is not joined on a core that this thread may not run on")
    func forbidden() throws {
        let all = try cores()
        guard let allowed = all.last, let forbidden = all.first, allowed != forbidden else { return }
        try allow([allowed])
        move_to_core(CInt(forbidden))
        #expect(try cores() == [allowed])
        #expect(sched_getcpu() == CInt(allowed))
        try allow(all)
    }

    /// The cores that the calling thread may run on.
    private func cores() throws -> [Int] {
        var set = cpu_set_t()
        try #require(sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set) >= 0)
        return withUnsafeBytes(of: &set) { bytes in
            (0..<bytes.count * 8).filter { bytes[$0 / 8] & 1 << ($0 % 8) != 0 }
        }
    }

    /// Restricts the calling thread to these cores.
    private func allow(_ cores: [Int]) throws {
        var set = cpu_set_t()
        withUnsafeMutableBytes(of: &set) { bytes in
            for core in cores { bytes[core / 8] |= 1 << (core % 8) }
        }
        try #require(sched_setaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0)
    }
}
