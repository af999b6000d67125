import Configuration
import DNS
import Glibc
import Platform

/// The settings of a pdns_server from its pdns.conf and the files that this includes.
///
/// Source: what pdns 4.7 to 5.1 do, and https://doc.powerdns.com/authoritative/settings.html.
public struct PowerDNSConfiguration: Sendable {
    /// The file as the operator named it.
    public let file: String
    /// The pdns that the settings are for.
    let server: KnownServer
    /// The settings by name. If a setting is repeated, the last one counts.
    var settings: [String: Setting] = [:]
    /// The findings of the parser.
    var diagnostics: [Diagnostic] = []

    /// A setting and its position.
    struct Setting: Sendable {
        var name: String
        var value: String
        /// The position of each character of the value.
        var valuePlaces: [SettingPosition]
        /// The position of the name.
        var namePlace: SettingPosition

        /// The position of the value, or of the name if the value is empty.
        var place: SettingPosition { valuePlaces.first ?? namePlace }

        /// A part of the value between separators.
        struct Part {
            var text: String
            var place: SettingPosition
        }

        /// Splits the value at `separators`; omits empty parts unless `keepsEmpty`.
        func parts(separatedBy separators: String, keepsEmpty: Bool = false) -> [Part] {
            let characters = Array(value)
            return characters.indices.split(
                omittingEmptySubsequences: !keepsEmpty, whereSeparator: { separators.contains(characters[$0]) }
            ).map { part in
                Part(
                    text: String(characters[part]),
                    place: valuePlaces.indices.contains(part.startIndex) ? valuePlaces[part.startIndex] : place)
            }
        }
    }

    /// Reads `file` and the `*.conf` files of its `include-dir`.
    ///
    /// - Throws: an error if a file cannot be read, since its settings are then unknown.
    public init(contentsOf file: String, for server: KnownServer) throws(ConfigurationError) {
        self.file = file
        self.server = server
        try read(file)
        guard let include = settings["include-dir"], !include.value.isEmpty else { return }
        for file in try includedFiles(include) { try read(file) }
        if let last = settings["include-dir"], last.namePlace.file != file {
            diagnose(
                last.namePlace, "pdns ignores the include-dir of an included file; remove it",
                isWarning: true)
        }
    }

    private mutating func read(_ file: String) throws(ConfigurationError) {
        let text: SettingsText
        do throws(Diagnostic) {
            var bytes = try contents(of: file)
            if hasByteOrderMark(bytes) {
                diagnose(
                    SettingPosition(file: file, position: .init(line: 1, column: 1)),
                    "pdns takes the byte order mark at the beginning for a part of the first line, and does not start; save the file without it"
                )
                bytes.removeFirst(byteOrderMark.count)
            }
            text = SettingsText(bytes, file: file)
        } catch {
            throw ConfigurationError([error])
        }
        diagnostics += text.diagnostics
        for statement in text.statements { apply(statement) }
    }

    private mutating func apply(_ statement: Statement) {
        var value = statement.value
        if statement.appends {
            let name = statement.name
            let parent =
                settings[name].map { zip($0.value, $0.valuePlaces).map { SettingCharacter(character: $0, place: $1) } }
                ?? (server.settings[name] ?? "").map { SettingCharacter(character: $0, place: statement.place) }
            if parent.isEmpty, settings[name] == nil {
                diagnose(
                    statement.place,
                    "+= needs a present value of \(name), and pdns does not start; write \(name)=\(String(value.map(\.character)))"
                )
            } else if !parent.isEmpty {
                value = parent + ", ".map { SettingCharacter(character: $0, place: statement.place) } + value
            }
        }
        settings[statement.name] = Setting(
            name: statement.name, value: String(value.map(\.character)), valuePlaces: value.map(\.place),
            namePlace: statement.place)
    }

    /// Lists the included files in the order in which pdns reads them: by their names in lower case.
    private func includedFiles(_ include: Setting) throws(ConfigurationError) -> [String] {
        func unusable(_ message: String) -> ConfigurationError {
            ConfigurationError([
                Diagnostic(file: include.place.file, position: include.place.position, message: message)
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
                "pdns cannot read the folder \(folder) (\(String(cString: strerror(errno)))) and does not start; make it, or remove include-dir"
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

    private mutating func diagnose(_ place: SettingPosition, _ message: String, isWarning: Bool = false) {
        diagnostics.append(
            Diagnostic(file: place.file, position: place.position, message: message, isWarning: isWarning))
    }
}

/// Bytes of a settings file. The template with all settings of pdns 5.1 has some 20 KB.
private let largestSettingsFile = 1 << 20

/// Reads a regular file. Other kinds, such as a FIFO, are refused, because reading them may never end.
private func contents(of file: String) throws(Diagnostic) -> [UInt8] {
    func unreadable(_ reason: String) -> Diagnostic {
        Diagnostic(file: file, position: nil, message: "cannot read it: \(reason)")
    }
    var status = stat()
    guard stat(file, &status) == 0 else { throw unreadable(String(cString: strerror(errno))) }
    guard status.st_mode & S_IFMT == S_IFREG else {
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        throw unreadable(
            isFolder ? "it is a folder; name the file in it, such as pdns.conf" : "it is not a regular file")
    }
    guard let stream = fopen(file, "re") else { throw unreadable(String(cString: strerror(errno))) }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 {
        if bytes.isEmpty, let encoding = wideEncoding(chunk[..<count]) {
            throw unreadable("it is in \(encoding); save it in UTF-8")
        }
        guard !chunk[..<count].contains(0) else { throw unreadable("it is not text; name a pdns.conf") }
        bytes += chunk[..<count]
        guard bytes.count <= largestSettingsFile else { throw unreadable("it has more than 1 MiB; name a pdns.conf") }
    }
    guard ferror(stream) == 0 else { throw unreadable("reading failed") }
    return bytes
}
