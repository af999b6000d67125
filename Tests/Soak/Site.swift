import Foundation
import struct Support.SeededGenerator

/// Damages of a file.
enum Damage: CaseIterable {
    case empty, torn, flipped, foreign, random, huge, directory, missing, danglingLink, loop, fifo

    /// Applies the damage.
    ///
    /// - Parameters:
    ///   - good: the good content.
    ///   - isInPlace: whether to write into the existing file.
    func inflict(on path: String, good: Data, isInPlace: Bool) throws {
        switch self {
        // Every file is invalid without its last bytes: a bracket is open, a line is incomplete, a database lacks its
        // metadata.
        case .torn: try place(good.dropLast(good.count > 1 << 16 ? good.count / 2 : 8), at: path, isInPlace: isInPlace)
        case .flipped:
            var flipped = good
            if let middle = flipped.indices.dropFirst(good.count / 2).first { flipped[middle] ^= 0x10 }
            try place(flipped, at: path, isInPlace: isInPlace)
        case .empty: try place(Data(), at: path, isInPlace: isInPlace)
        case .foreign:
            try place(Data("# Who has put this here?\nmemory_limit = 1 G\n".utf8), at: path, isInPlace: isInPlace)
        case .random:
            var random = SeededGenerator(seed: 1)
            try place(Data((0..<65_536).map { _ in UInt8(random.number(0...255)) }), at: path, isInPlace: isInPlace)
        case .huge: try place(Data(repeating: UInt8(ascii: "x"), count: 40 << 20), at: path, isInPlace: isInPlace)
        case .directory: try replace(path) { mkdir(path, 0o755) }
        case .missing: try replace(path) { 0 }
        case .danglingLink: try replace(path) { symlink("nowhere", path) }
        case .loop: try replace(path) { symlink(path, path) }
        case .fifo: try replace(path) { mkfifo(path, 0o644) }
        }
    }

    private func replace(_ path: String, _ make: () -> CInt) throws {
        remove(path)
        guard make() == 0 else { throw Failure("cannot make \(path): \(String(cString: strerror(errno)))") }
    }
}

/// Removes a file or a folder, if it exists.
func remove(_ path: String) {
    if unlink(path) != 0, errno != ENOENT { try? FileManager.default.removeItem(atPath: path) }
}

/// Writes a file, in place or as a replacement.
func place(_ data: Data, at path: String, isInPlace: Bool) throws {
    var status = stat()
    let isFile = lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    if !isFile { remove(path) }
    let file = isInPlace ? path : path + ".new"
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw Failure("cannot write \(file): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var written = 0
    while written < data.count {
        let count = data.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, data.count - written) }
        guard count > 0 else { throw Failure("cannot write \(file): \(String(cString: strerror(errno)))") }
        written += count
    }
    if !isInPlace, rename(file, path) != 0 { throw Failure("cannot replace \(path)") }
}

/// A folder with a configuration and its files. The files are in a release, to which the link `current` leads.
final class Site {
    enum Way: CaseIterable {
        case inPlace, renamed, linked
    }

    static let zone = "soak.example"
    /// How long the share of a returning datacenter grows, in nanoseconds.
    static let comesBack: UInt64 = 20_000_000_000

    let folder: String
    /// The port at which addresses are checked; `nil` without checks.
    let checkedPort: UInt16?
    private var release = 0
    private let databases: [Data]

    var configuration: String { folder + "/current/geopipe.yaml" }
    var state: String { folder + "/disk/state" }
    /// The configuration of a rollout's new side.
    var next: String { folder + "/current/next.yaml" }
    /// The program that pdns starts: a link or a file.
    var program: String { folder + "/geopipe" }
    /// The two databases, unchanged.
    var databaseCopies: [String] { [0, 1].map { "\(folder)/database-\($0)" } }

    /// A separate file system for the state directory, if this process may mount one.
    let disk: StateDisk?

    /// - Parameter database: the first database; the second has Canada in place of the United States.
    init(folder: String, database: String, checkedPort: UInt16?) throws {
        self.folder = folder
        self.checkedPort = checkedPort
        disk = StateDisk(folder + "/disk")
        let original = try Data(contentsOf: URL(filePath: database), options: .alwaysMapped)
        var other = original
        // A text of two bytes begins with 0x42.
        other.withUnsafeMutableBytes { bytes in
            for place in 0..<(bytes.count - 2)
            where bytes[place] == 0x42 && bytes[place + 1] == 0x55 && bytes[place + 2] == 0x53 {
                (bytes[place + 1], bytes[place + 2]) = (0x43, 0x41)
            }
        }
        databases = [original, other]
        for (data, path) in zip(databases, databaseCopies) { try place(data, at: path, isInPlace: false) }
        try makeRelease()
    }

    private func path(_ part: Part, release: Int) -> String { "\(folder)/release-\(release)/\(Self.name(of: part))" }

    static func name(of part: Part) -> String {
        switch part {
        case .zone: "soak.example.zone"
        case .networks: "office.nets"
        case .database: "places.mmdb"
        default: "geopipe.yaml"
        }
    }

    /// Replaces a file with another version.
    func put(_ part: Part, _ version: Int, _ way: Way) throws {
        if part == .networks, version == 0 { return remove(path(part, release: release)) }
        let data = content(part, version)
        if way == .linked { return try makeRelease(with: part, data) }
        try place(data, at: path(part, release: release), isInPlace: way == .inPlace)
    }

    /// Sets the modification time of a file.
    ///
    /// - Parameter seconds: since 1970.
    func date(_ part: Part, _ seconds: Int) {
        let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
        utimensat(AT_FDCWD, path(part, release: release), times, 0)
    }

    /// Replaces a file with invalid content.
    func damage(_ part: Part, _ version: Int, _ damage: Damage, isInPlace: Bool) throws {
        try damage.inflict(on: path(part, release: release), good: content(part, version), isInPlace: isInPlace)
    }

    /// Writes a version of the configuration next to the one in use.
    func putNext(_ version: Int) throws {
        try place(content(.configuration, version), at: "\(folder)/release-\(release)/next.yaml", isInPlace: false)
    }

    /// Returns whether a version of the configuration is installed.
    func isInPlace(_ version: Int) -> Bool {
        FileManager.default.contents(atPath: configuration) == content(.configuration, version)
    }

    /// The damages that make a file invalid, not only different.
    static func damages(of part: Part) -> [Damage] {
        // The networks file may be missing or empty.
        part == .networks
            ? [.torn, .foreign, .random, .huge, .directory, .loop] : Damage.allCases.filter { $0 != .flipped }
    }

    /// Makes a release with one changed file, and makes `current` lead there.
    private func makeRelease(with part: Part, _ data: Data) throws {
        try FileManager.default.createDirectory(
            atPath: "\(folder)/release-\(release + 1)", withIntermediateDirectories: true)
        for other in Part.files where other != part {
            _ = Glibc.link(path(other, release: release), path(other, release: release + 1))
        }
        _ = Glibc.link("\(folder)/release-\(release)/next.yaml", "\(folder)/release-\(release + 1)/next.yaml")
        try place(data, at: path(part, release: release + 1), isInPlace: false)
        try switchRelease()
    }

    private func makeRelease() throws {
        try FileManager.default.createDirectory(atPath: "\(folder)/release-1", withIntermediateDirectories: true)
        for part in Part.files {
            try place(content(part, part == .database ? 0 : 1), at: path(part, release: 1), isInPlace: true)
        }
        try switchRelease()
    }

    private func switchRelease() throws {
        release += 1
        try link("current", to: "release-\(release)")
        remove("\(folder)/release-\(release - 1)")
    }

    /// Changes a link atomically.
    func link(_ name: String, to target: String) throws {
        remove("\(folder)/\(name).new")
        guard symlink(target, "\(folder)/\(name).new") == 0, rename("\(folder)/\(name).new", "\(folder)/\(name)") == 0
        else {
            throw Failure("cannot link \(name) to \(target): \(String(cString: strerror(errno)))")
        }
    }

    // MARK: What is in the files

    private func content(_ part: Part, _ version: Int) -> Data {
        switch part {
        case .zone:
            let names = (0..<2_000).map { "host\($0) A 192.0.2.\($0 % 250)\n" }.joined()
            return Data(
                "$TTL 60\n@ SOA ns h \(version) 3600 600 86400 60\n@ NS ns\nns A 192.0.2.253\nfixed A 192.0.2.252\n\(names)www MX \(version) ns\n"
                    .utf8)
        case .networks:
            let names = (0..<3).map { "\(Datacenter(rawValue: (version + $0) % 3)!)" }.joined(separator: ", ")
            return Data("16.0.0.0/4 [\(names)]\n2000::/4 [\(names)]\n".utf8)
        case .database: return databases[version]
        default: return Data(configurationText(version).utf8)
        }
    }

    private func configurationText(_ version: Int) -> String {
        let check = checkedPort.map {
            ", check: { http: { port: \($0), path: /health }, interval: 1s, timeout: 1s, rise: 1, fall: 2 }, comes_back: \(Self.comesBack / 1_000_000_000)s"
        }
        return """
            databases: [places.mmdb]
            state_directory: \(state)
            datacenters: { oslo: {}, ashburn: { capacity: 3 }, singapore: { capacity: 1 } }
            safety: { in_use: 1 }
            maps:
              places:
                networks_file: { path: office.nets, may_be_empty: true }
                countries: { US: [ashburn, oslo], CA: [singapore, ashburn, oslo] }
                default: [oslo, singapore, ashburn]
              all: { default: [oslo, ashburn, singapore] }
              halves: { \(version % 2 == 0 ? "countries: { JP: [ashburn, oslo, singapore] }, " : "")default: [oslo, ashburn, singapore] }
              first: { default: { list: [oslo], then: spread } }
            services:
              web: { map: places, answers: { oslo: 192.0.2.\(version), ashburn: 198.51.100.\(version), singapore: 203.0.113.\(version) } }
              api:
                map: halves
                answers:
                  oslo: [192.0.2.251, "2001:db8::1"]
                  ashburn: [198.51.100.251, "2001:db8::2"]
                  singapore: [203.0.113.251, "2001:db8::3"]
              spread: { map: first, answers: { oslo: 192.0.2.250, ashburn: 198.51.100.250, singapore: 203.0.113.250 } }
              checked: { map: all, answers: { oslo: [127.1.0.1, 127.1.0.2], ashburn: [127.1.0.3, 127.1.0.4], singapore: [127.1.0.5, 127.1.0.6] }\(check ?? "") }
            zones:
              \(Self.zone):
                file: soak.example.zone
                records: { www: { service: web }, "*.any": { service: web }, api: { service: api }, checked: { service: checked }, spread: { service: spread } }

            """
    }
}
