import Configuration
import DNS
import Glibc
import Platform

/// The settings of a pdns_server, as its pdns.conf and the files that this includes give them.
///
/// Source: what pdns 4.7 to 5.1 do, and https://doc.powerdns.com/authoritative/settings.html.
public struct PowerDNSConfiguration: Sendable {
    /// The file as the operator named it.
    public let file: String
    /// The pdns that reads them.
    let server: KnownServer
    /// By name. Of those that are given several times the last counts.
    var settings: [String: Setting] = [:]
    /// What reading alone has shown to be wrong.
    var complaints: [Complaint] = []

    /// A setting, and where it is.
    struct Setting: Sendable {
        var name: String
        var value: String
        /// Where each character of the value stands.
        var valuePlaces: [Place]
        /// Where the name stands.
        var namePlace: Place

        /// Where the value begins, or the name if there is none.
        var place: Place { valuePlaces.first ?? namePlace }

        /// A part of the value.
        struct Word {
            var text: String
            var place: Place
        }

        /// The parts of the value between `separators`; those without a character count only if `keepsEmpty`.
        func words(separatedBy separators: String, keepsEmpty: Bool = false) -> [Word] {
            let characters = Array(value)
            return characters.indices.split(
                omittingEmptySubsequences: !keepsEmpty, whereSeparator: { separators.contains(characters[$0]) }
            ).map { part in
                Word(
                    text: String(characters[part]),
                    place: valuePlaces.indices.contains(part.startIndex) ? valuePlaces[part.startIndex] : place)
            }
        }
    }

    /// Reads `file` and the `*.conf` of its `include-dir`.
    ///
    /// - Throws: why a file cannot be read; what it would have said can then not be judged.
    public init(contentsOf file: String, for server: KnownServer) throws(ConfigurationError) {
        self.file = file
        self.server = server
        try read(file)
        guard let include = settings["include-dir"], !include.value.isEmpty else { return }
        for file in try includedFiles(include) { try read(file) }
        if let last = settings["include-dir"], last.namePlace.file != file {
            complain(
                last.namePlace, "pdns follows no include-dir of a file that is included itself; take it out",
                isWarning: true)
        }
    }

    private mutating func read(_ file: String) throws(ConfigurationError) {
        let text: SettingsText
        do throws(Complaint) {
            var bytes = try contents(of: file)
            if hasByteOrderMark(bytes) {
                complain(
                    Place(file: file, position: .init(line: 1, column: 1)),
                    "pdns takes the byte order mark at the beginning for a part of the first line, and does not start; save the file without it"
                )
                bytes.removeFirst(byteOrderMark.count)
            }
            text = SettingsText(bytes, file: file)
        } catch {
            throw ConfigurationError([error])
        }
        complaints += text.complaints
        for statement in text.statements { apply(statement) }
    }

    private mutating func apply(_ statement: Statement) {
        var value = statement.value
        if statement.appends {
            let name = statement.name
            let parent =
                settings[name].map { zip($0.value, $0.valuePlaces).map { Glyph(character: $0, place: $1) } }
                ?? (server.settings[name] ?? "").map { Glyph(character: $0, place: statement.place) }
            if parent.isEmpty, settings[name] == nil {
                complain(
                    statement.place,
                    "there is no \(name) to add to, and pdns does not start; write \(name)=\(String(value.map(\.character)))"
                )
            } else if !parent.isEmpty {
                value = parent + ", ".map { Glyph(character: $0, place: statement.place) } + value
            }
        }
        settings[statement.name] = Setting(
            name: statement.name, value: String(value.map(\.character)), valuePlaces: value.map(\.place),
            namePlace: statement.place)
    }

    /// In the order in which pdns reads them: that of their names in small letters.
    private func includedFiles(_ include: Setting) throws(ConfigurationError) -> [String] {
        func unusable(_ message: String) -> ConfigurationError {
            ConfigurationError([
                Complaint(file: include.place.file, position: include.place.position, message: message)
            ])
        }
        let folder = include.value
        guard folder.hasPrefix("/") else {
            throw unusable(
                "pdns looks for '\(folder)' in the folder where it is started; write include-dir=/etc/powerdns/\(folder)"
            )
        }
        guard let stream = opendir(folder) else {
            throw unusable(
                "pdns cannot read the folder \(folder) (\(String(cString: strerror(errno)))) and does not start; make it, or take include-dir out"
            )
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".conf"), !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted { ($0.lowercased(), $0) < ($1.lowercased(), $1) }.map { "\(folder)/\($0)" }
    }

    private mutating func complain(_ place: Place, _ message: String, isWarning: Bool = false) {
        complaints.append(
            Complaint(file: place.file, position: place.position, message: message, isWarning: isWarning))
    }
}

/// The bytes of a regular file. Nothing else is opened, for reading it might never end.
private func contents(of file: String) throws(Complaint) -> [UInt8] {
    func unreadable(_ reason: String) -> Complaint {
        Complaint(file: file, position: nil, message: "cannot read it: \(reason)")
    }
    var status = stat()
    guard stat(file, &status) == 0 else { throw unreadable(String(cString: strerror(errno))) }
    guard status.st_mode & S_IFMT == S_IFREG else {
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        throw unreadable(isFolder ? "it is a folder; name the file in it, such as pdns.conf" : "it is no regular file")
    }
    guard let stream = fopen(file, "re") else { throw unreadable(String(cString: strerror(errno))) }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 {
        if bytes.isEmpty, let encoding = wideEncoding(chunk[..<count]) {
            throw unreadable("it is in \(encoding); save it in UTF-8")
        }
        guard !chunk[..<count].contains(0) else { throw unreadable("it is no text; name a pdns.conf") }
        bytes += chunk[..<count]
    }
    guard ferror(stream) == 0 else { throw unreadable("reading failed") }
    return bytes
}
