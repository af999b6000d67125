import Answering
import Compiler
import Configuration
import Glibc
import Image
import Platform

@testable import State

/// Changes a valid image, and then queries all of its names. A change has its offset (three bytes), its length (the
/// lower half of a byte, plus one), and the new bytes. The highest bit of the offset makes it one from the end, where
/// all but the address tables is.
///
/// Answers of most inputs do not depend on the client's address, so that the image is smaller.
final class ImageTarget: FuzzTarget {
    private let (small, large) = (AlteredImage(hasPlaces: false), AlteredImage(hasPlaces: true))

    func run(_ input: [UInt8]) { (input.isChosen(oneIn: 61) ? large : small).run(input) }
}

private final class AlteredImage {
    private let configuration: Configuration
    private let plan: SnapshotPlan
    private let file = AnonymousFile.make("image")
    /// The same file in memory.
    private let bytes: UnsafeMutableRawBufferPointer
    private let conversation = Conversation()

    init(hasPlaces: Bool) {
        configuration = Sample.configuration(hasPlaces: hasPlaces)
        do { plan = try SnapshotPlan(configuration) } catch { fatalError("\(error.diagnostics)") }
        let snapshot = Sample.snapshot(hasPlaces: hasPlaces)
        let image = withExtendedLifetime(snapshot) { Array(snapshot.image.bytes) }
        Scratch.fill(file, image)
        let start = mmap(nil, image.count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        require(start != MAP_FAILED, "an image cannot be mapped")
        bytes = UnsafeMutableRawBufferPointer(start: start, count: image.count)
    }

    func run(_ input: [UInt8]) {
        var original: [Int: UInt8] = [:]
        var changes = input[...]
        while changes.count >= 5 {
            let offset = changes.prefix(3).reduce(0) { $0 << 8 | Int($1) }
            let place = offset < 1 << 23 ? offset % bytes.count : bytes.count - 1 - offset % (1 << 13)
            let count = Int(changes[changes.startIndex + 3] & 15) + 1
            changes = changes.dropFirst(4)
            // The magic, the versions, the length and the checksum stay those of a valid image.
            for (offset, byte) in changes.prefix(count).enumerated() where 32..<bytes.count ~= place + offset {
                if original[place + offset] == nil { original[place + offset] = bytes[place + offset] }
                bytes[place + offset] = byte
            }
            changes = changes.dropFirst(count)
        }
        // To compute the checksum and to verify it takes longer than the rest.
        let isWhole = input.isChosen(oneIn: 32)
        if isWhole {
            let sum = checksum(of: UnsafeRawBufferPointer(rebasing: bytes[32...]))
            bytes.storeBytes(of: sum.littleEndian, toByteOffset: 24, as: UInt64.self)
        }
        use(isWhole: isWhole, part: input.count)
        for (place, byte) in original { bytes[place] = byte }
    }

    /// - Parameters:
    ///   - isWhole: whether to run the slow parts, too.
    ///   - part: the part of the questions.
    private func use(isWhole: Bool, part: Int) {
        guard let image = try? Image(descriptor: file, name: "the image", owners: nil, isSummed: isWhole) else {
            return
        }
        let end = image.bytes.baseAddress! + image.bytes.count
        let rest = (4096 - image.bytes.count % 4096) % 4096
        // Reading after the last byte is an error, although the kernel has mapped a whole page.
        poison(end, rest)
        defer { withExtendedLifetime(image) { unpoison(end, rest) } }
        guard let snapshot = try? Snapshot(image) else { return }
        let switches = [Switch(datacenter: "oslo", service: nil, share: 50, until: nil, user: "", since: 0, reason: "")]
        // A part of the questions for each input.
        conversation.hold(
            Sample.questions[part % Sample.questions.count][...],
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
