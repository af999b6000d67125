import Answering
import Compiler
import Configuration
import Glibc
import Image
import Platform

@testable import State

/// Changes to a sound image, which is then asked for all its names. A change is where it begins (three bytes), how many bytes it has
/// (the lower half of a byte, plus one), and these.
final class ImageTarget: FuzzTarget {
    private let image: [UInt8]
    private let configuration = Sample.configuration()
    private let plan: SnapshotPlan
    private let file = AnonymousFile.make("image")
    private let conversation = Conversation()

    init() {
        do { plan = try SnapshotPlan(configuration) } catch { fatalError("\(error.complaints)") }
        let snapshot = Sample.snapshot()
        image = withExtendedLifetime(snapshot) { Array(snapshot.image.bytes) }
    }

    func run(_ input: [UInt8]) {
        var bytes = image
        var changes = input[...]
        while changes.count >= 5 {
            let place = changes.prefix(3).reduce(0) { $0 << 8 | Int($1) } % bytes.count
            let count = Int(changes[changes.startIndex + 3] & 15) + 1
            changes = changes.dropFirst(4)
            for (offset, byte) in changes.prefix(count).enumerated() where place + offset < bytes.count {
                bytes[place + offset] = byte
            }
            changes = changes.dropFirst(count)
        }
        // The magic, the versions, the length and the sum are those of a whole image.
        bytes.replaceSubrange(0..<16, with: image[..<16])
        func store(_ number: UInt64, at offset: Int) {
            for i in 0..<8 { bytes[offset + i] = UInt8(truncatingIfNeeded: number >> (8 * i)) }
        }
        store(UInt64(bytes.count), at: 16)
        store(bytes[32...].withUnsafeBytes(checksum), at: 24)
        Scratch.fill(file, bytes)
        guard let image = try? Image(descriptor: file, name: "the image", owners: nil) else { return }
        let end = image.bytes.baseAddress! + image.bytes.count
        let rest = (4096 - image.bytes.count % 4096) % 4096
        // What is read after the last byte is an error, though the kernel has mapped a whole page.
        poison(end, rest)
        defer { withExtendedLifetime(image) { unpoison(end, rest) } }
        guard let snapshot = try? Snapshot(image) else { return }
        let switches = [Switch(datacenter: "oslo", service: nil, share: 50, until: nil, who: "", since: 0, reason: "")]
        conversation.hold(
            Sample.questions, with: Serving(snapshot, switches: switches, at: 1_000), isSound: false)
        _ = (snapshot.areas, snapshot.hitsLog, snapshot.databaseBuilds, snapshot.isCurrent)
        for zone in 0..<snapshot.zoneCount { _ = snapshot.zoneName(zone) }
        // The next image takes over what has not changed. To make it takes longer than all else.
        guard input.count % 8 == 4 else { return }
        if let archive = try? snapshot.zoneArchive() {
            _ = try? Configuration.load(configuration.file, archive: archive)
        }
        _ = try? ImageCompiler(plan, previous: snapshot).compile()
    }
}

@_silgen_name("__asan_poison_memory_region")
private func poison(_ start: UnsafeRawPointer, _ count: Int)

@_silgen_name("__asan_unpoison_memory_region")
private func unpoison(_ start: UnsafeRawPointer, _ count: Int)
