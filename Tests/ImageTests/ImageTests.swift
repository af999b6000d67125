import Foundation
import Image
import Platform
import Support
import Testing

@Suite("Images")
struct ImageTests {
    private let folder: Folder
    private var file: String { "\(folder.path)/image" }

    init() throws { folder = try Folder() }

    /// A small image.
    private func image(_ number: UInt32 = 7) -> Image {
        var writer = ImageWriter()
        writer.section(.names) { $0.add(texts: ["oslo", "", "ashburn"]) }
        writer.section(.routing) { $0.add([number, 2, 3]) }
        return writer.finish()
    }

    private func imageBytes() -> [UInt8] {
        let image = image()
        return withExtendedLifetime(image) { Array(image.bytes) }
    }

    private func refusal(of bytes: some Collection<UInt8>, mode: mode_t = 0o600) throws -> String? {
        try folder.write(bytes, to: "image")
        chmod(file, mode)
        do throws(Image.Refusal) {
            _ = try Image(path: file, owners: [geteuid()])
            return nil
        } catch {
            return error.description
        }
    }

    @Test("an image gives back what was written, and has the same id for the same content")
    func columns() throws {
        #expect(try refusal(of: imageBytes()) == nil)
        let read = try Image(path: file, owners: [geteuid()])
        var section = try read.section(.names)
        #expect(try section.readTexts() == ["oslo", "", "ashburn"])
        section = try read.section(.routing)
        #expect(try Array(section.read(UInt32.self).buffer) == [7, 2, 3])
        #expect(throws: MalformedColumns.self) { try read.section(.zones) }
        #expect(image().id == read.id)
        #expect(image(8).id != read.id)
    }

    @Test("safety rules are written and read back; numbers of datacenters that do not exist are refused")
    func safetyRules() throws {
        var rules = SafetyRules()
        (rules.inUse, rules.capacity) = (2, 60)
        rules.datacenters = [.init(name: "oslo", capacity: 1), .init(name: "ashburn", capacity: 2.5)]
        rules.reached = [0, 1]
        rules.reachedByService = ["web": [1], "none": []]
        for rules in [rules, SafetyRules()] { #expect(try manifest(rules).safety == rules) }
        rules.reachedByService = ["web": [2]]
        #expect(throws: MalformedColumns.self) { try manifest(rules) }
    }

    /// Writes a manifest and reads it back.
    private func manifest(_ rules: SafetyRules) throws -> Manifest {
        var manifest = Manifest()
        manifest.safety = rules
        var writer = ImageWriter()
        writer.section(.manifest) { manifest.write(to: &$0) }
        let image = writer.finish()
        return try withExtendedLifetime(image) {
            var section = try image.section(.manifest)
            return try Manifest(from: &section)
        }
    }

    @Test("an image whose file has another length than its header says is refused, also a sparse one of 10 GB")
    func otherLength() throws {
        let good = imageBytes()
        for length in [good.count - 1, good.count + 1, good.count + 4_096, 10 << 30] {
            try folder.write(good, to: "image")
            chmod(file, 0o600)
            try #require(truncate(file, length) == 0)
            #expect(throws: Image.Refusal.self, "\(length)") { try Image(path: file, owners: [geteuid()]) }
        }
    }

    @Test("a truncated image, or one with any byte changed, is refused with a message")
    func damaged() throws {
        let good = imageBytes()
        for position in good.indices {
            var bytes = good
            bytes[position] ^= UInt8(1 << (position % 8))
            #expect(try refusal(of: bytes)?.hasPrefix(file) == true, "byte \(position)")
        }
        for length in good.indices {
            #expect(try refusal(of: good[..<length])?.hasPrefix(file) == true, "length \(length)")
        }
        #expect(try refusal(of: good + [0])?.contains("is truncated or has bytes after its end") == true)
    }

    @Test("an image of another format version is refused, and the message says what to do")
    func version() throws {
        var bytes = imageBytes()
        bytes[8] &+= 1
        #expect(try refusal(of: bytes)?.contains("compile it again with this program") == true)
    }

    @Test("images that other users own or may write to are refused, and so are files that are not regular")
    func trust() throws {
        let good = imageBytes()
        #expect(try refusal(of: good, mode: 0o620)?.contains("can be written to by others") == true)
        #expect(try refusal(of: good, mode: 0o602)?.contains("can be written to by others") == true)
        chmod(file, 0o600)
        let stranger = try #require(throws: Image.Refusal.self) { try Image(path: file, owners: [geteuid() + 1]) }
        #expect(stranger.description.contains("is not trusted"))
        let missing = try #require(throws: Image.Refusal.self) { try Image(path: file + "x", owners: [geteuid()]) }
        #expect(missing.isMissing)
        #expect(throws: Image.Refusal.self) { try Image(path: folder.path, owners: [geteuid()]) }
        mkfifo(file + ".pipe", 0o600)
        #expect(throws: Image.Refusal.self) { try Image(path: file + ".pipe", owners: [geteuid()]) }
    }

    @Test(
        "of another user's are read once by root, so that they cannot be changed after they were checked",
        .enabled(if: geteuid() == 0, "only root can give a file away"))
    func foreign() throws {
        try folder.write(imageBytes(), to: "image")
        try #require(chmod(file, 0o600) == 0 && chown(file, 65_534, 65_534) == 0)
        let image = try Image(path: file, owners: [0, 65_534])
        try #require(truncate(file, 0) == 0)
        #expect(image.isSound)
        var section = try image.section(.names)
        #expect(try section.readTexts() == ["oslo", "", "ashburn"])
        // A file without end would take all memory, even if its header says that it is so long.
        var bytes = imageBytes()
        bytes.replaceSubrange(16..<24, with: withUnsafeBytes(of: UInt64(1 << 42).littleEndian, Array.init))
        try Data(bytes).write(to: URL(filePath: file))
        try #require(truncate(file, 1 << 42) == 0 && chown(file, 65_534, 65_534) == 0)
        let refusal = try #require(throws: Image.Refusal.self) { try Image(path: file, owners: [0, 65_534]) }
        #expect(refusal.description.contains("are read of another user's image"), "\(refusal)")
    }

    @Test("each byte and each length changes the checksum")
    func sum() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var sums: Set<UInt64> = []
        for length in bytes.indices { sums.insert(bytes[..<length].withUnsafeBytes(checksum)) }
        for position in bytes.indices {
            var other = bytes
            other[position] ^= 0x10
            sums.insert(other.withUnsafeBytes(checksum))
        }
        #expect(sums.count == 600)
    }
}
