import Foundation
import Support
import Testing

@Suite("Problems in geopipe status, and its exit status")
struct StatusExitTests: AtStatusSite {
    let site: StatusSite

    init() throws { site = try StatusSite() }

    @Test("exits 1 when no coprocess runs, or the configuration on disk has errors")
    func configuration() throws {
        let none = try run("status")
        #expect(none.code == 1 && none.output.contains("no coprocess runs with geopipe.yaml"), "\(none)")
        let coprocess = try start()
        try tell()
        #expect(try report().code == 0)
        try folder.write(Self.configuration.replacing("zones:", with: "zone:").utf8, to: "geopipe.yaml")
        // Whether it has been compiled or not.
        for _ in 0..<2 {
            let wrong = try run("status")
            #expect(wrong.code == 1 && wrong.output.hasPrefix("Problems\n  error    geopipe.yaml:7:1: "), "\(wrong)")
            #expect(wrong.output.contains(#/\n  web +oslo, ashburn +- +-\n/#), "\(wrong.output)")
            let isTold = try eventually(within: Coprocess.timeout) {
                try coprocess.wait(.milliseconds(10))
                return String(decoding: coprocess.standardError, as: UTF8.self).contains("stays in use")
            }
            try #require(isTold)
        }
        #expect(try report().problems("error").count == 1)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("exits 1 when a zone keeps its content, with each error once")
    func zone() throws {
        let coprocess = try start()
        try tell()
        let bad = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.256\nx A 1\n"
        try folder.write(bad.utf8, to: "zone")
        var last: StatusReport?
        let isKept = try eventually(within: Coprocess.timeout) {
            last = try report()
            return last?.contains("error", "zone: zone example.org has errors and keeps its content of 20") == true
        }
        try #require(isKept, "\(String(describing: last))")
        #expect(last?.code == 1)
        let errors = try report().problems("error")
        #expect(errors.count == 3 && errors[1].hasPrefix("zone: zone:4:6: ") && errors[2].hasPrefix("zone: zone:5:5: "))
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("exits 1 when both switch files are corrupt")
    func switches() throws {
        let coprocess = try start()
        try tell()
        for name in ["switches", "switches.copy"] { try folder.write("torn".utf8, to: "state/\(name)") }
        let torn = try report()
        #expect(torn.code == 1 && torn.contains("error", "switches is corrupt: "), "\(torn)")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("gives the same hint as drain when both switch files are corrupt", arguments: [true, false])
    func wayOut(hasHistory: Bool) throws {
        try run("drain", "oslo")
        for name in ["switches", "switches.copy"] { try folder.write("torn".utf8, to: "state/\(name)") }
        if !hasHistory { try folder.write("torn\n".utf8, to: "state/history") }
        let problems = try #require(try report().object["problems"] as? [[String: Any]])
        let hint = try #require(problems.first { $0["kind"] as? String == "switches" }?["hint"] as? String)
        let drain = try run("drain", "ashburn")
        if hasHistory {
            #expect(hint == "the next drain, undrain or force rebuilds both files from the history")
            #expect(drain.error.contains("using the history, in which the switches are: drained: oslo"), "\(drain)")
            return
        }
        let remedy =
            "remove state/switches and state/switches.copy: a coprocess that still has the switches writes them again, otherwise there are none"
        #expect(hint.contains("\(remedy), and the drains must be repeated"), "\(hint)")
        #expect(drain.code == 2 && drain.error.contains(remedy), "\(drain)")
        for name in ["switches", "switches.copy"] { unlink("\(folder.path)/state/\(name)") }
        try run("drain", "ashburn")
        #expect(try !report().problems("error").contains { $0.hasPrefix("switches: ") })
    }

    @Test("exits 1 when a coprocess answers from an image that is no longer in force")
    func staleImage() throws {
        let coprocess = try start()
        try tell()
        let file = "state/coprocesses/\(coprocess.identifier)"
        kill(coprocess.identifier, SIGSTOP)
        let text = folder.text(of: file)
        try folder.write(text.replacing(#/(?m)^image\t[0-9a-f]+$/#, with: "image\t0123456789abcdef").utf8, to: file)
        // Pretends that it was published a minute ago.
        let images = "\(folder.path)/state/images"
        let key = try #require(try FileManager.default.contentsOfDirectory(atPath: images).first)
        var times = [timespec(tv_sec: time(nil) - 60, tv_nsec: 0), timespec(tv_sec: time(nil) - 60, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, "\(images)/\(key)/current", &times, AT_SYMLINK_NOFOLLOW) == 0)
        let stale = try report()
        #expect(
            stale.code == 1
                && stale.contains(
                    "error",
                    "coprocess: coprocess \(coprocess.identifier) answers from image 0123456789abcdef, not from "
                ), "\(stale)")
        kill(coprocess.identifier, SIGCONT)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("exits 1 when the image in force is damaged, or the status of a coprocess cannot be read")
    func damaged() throws {
        let coprocess = try start()
        try tell()
        kill(coprocess.identifier, SIGSTOP)
        try folder.write("rubbish".utf8, to: "state/coprocesses/\(coprocess.identifier)")
        let unreadable = try report()
        #expect(unreadable.code == 1)
        #expect(
            unreadable.problems("error")
                == ["coprocess: coprocess \(coprocess.identifier) is running, but its status cannot be read"])
        let images = "\(folder.path)/state/images"
        let key = try #require(try FileManager.default.contentsOfDirectory(atPath: images).first)
        let image = try FileManager.default.destinationOfSymbolicLink(atPath: "\(images)/\(key)/current")
        unlink("\(images)/\(key)/\(image)")
        #expect(try report().contains("error", "image: the image in force cannot be used"))
        kill(coprocess.identifier, SIGCONT)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }
}
