import Answering
import Compiler
import Configuration
import Glibc
import Image
import Platform

@testable import State

/// Changes a valid image, and then queries all of its names. A change has its offset (three bytes), its length (the
/// lower half of a byte, plus one), and the new bytes.
final class ImageTarget: FuzzTarget {
    private var image: [UInt8]
    private let configuration = Sample.configuration()
    private let plan: SnapshotPlan
    private let file = AnonymousFile.make("image")
    private let conversation = Conversation()

    init() {
        do { plan = try SnapshotPlan(configuration) } catch { fatalError("\(error.diagnostics)") }
        let snapshot = Sample.snapshot()
        image = withExtendedLifetime(snapshot) { Array(snapshot.image.bytes) }
        Scratch.fill(file, image)
    }

    func run(_ input: [UInt8]) {
        var changed: [Int: UInt8] = [:]
        var changes = input[...]
        while changes.count >= 5 {
            let place = changes.prefix(3).reduce(0) { $0 << 8 | Int($1) } % image.count
            let count = Int(changes[changes.startIndex + 3] & 15) + 1
            changes = changes.dropFirst(4)
            // The magic, the versions, the length and the checksum stay those of a valid image.
            for (offset, byte) in changes.prefix(count).enumerated() where 32..<image.count ~= place + offset {
                if changed[place + offset] == nil { changed[place + offset] = image[place + offset] }
                image[place + offset] = byte
            }
            changes = changes.dropFirst(count)
        }
        var sum = image[32...].withUnsafeBytes(checksum).littleEndian
        pwrite(file, &sum, 8, 24)
        for place in changed.keys { pwrite(file, [image[place]], 1, off_t(place)) }
        use(isWhole: input.isChosen(oneIn: 32), part: input.count)
        for (place, byte) in changed {
            image[place] = byte
            pwrite(file, [byte], 1, off_t(place))
        }
    }

    /// - Parameters:
    ///   - isWhole: whether to run the slow parts, too.
    ///   - part: the part of the questions.
    private func use(isWhole: Bool, part: Int) {
        guard let image = try? Image(descriptor: file, name: "the image", owners: nil) else { return }
        let end = image.bytes.baseAddress! + image.bytes.count
        let rest = (4096 - image.bytes.count % 4096) % 4096
        // Reading after the last byte is an error, although the kernel has mapped a whole page.
        poison(end, rest)
        defer { withExtendedLifetime(image) { unpoison(end, rest) } }
        guard let snapshot = try? Snapshot(image) else { return }
        let switches = [Switch(datacenter: "oslo", service: nil, share: 50, until: nil, user: "", since: 0, reason: "")]
        // A part of the questions for each input.
        conversation.hold(
            Sample.questions[part % Sample.questions.count],
            with: Serving(snapshot, switches: switches, at: 1_000), isSound: false,
            isReadAtOnce: isWhole)
        _ = (snapshot.areas, snapshot.hitsLog, snapshot.databaseBuilds, snapshot.isCurrent)
        for zone in 0..<snapshot.zoneCount { _ = snapshot.zoneName(zone) }
        // The next image reuses what has not changed. Making it is the slowest part.
        guard isWhole else { return }
        if let archive = try? snapshot.zoneArchive() {
            _ = try? Configuration.load(configuration.file, archive: archive)
        }
        _ = try? ImageCompiler(plan, previous: snapshot).compile()
    }
}

#if FUZZ
    @_silgen_name("__asan_poison_memory_region")
    private func poison(_ start: UnsafeRawPointer, _ count: Int)

    @_silgen_name("__asan_unpoison_memory_region")
    private func unpoison(_ start: UnsafeRawPointer, _ count: Int)
#else
    // Without the address sanitizer.
    private func poison(_ start: UnsafeRawPointer, _ count: Int) {}
    private func unpoison(_ start: UnsafeRawPointer, _ count: Int) {}
#endif
