import Configuration
import DNS
import Glibc
import Platform

extension SettingsLint {
    /// Checks the program that pdns starts as the coprocess.
    mutating func inspectCommand() {
        for instance in instances where instance.backend == "pipe" {
            let name = "\(instance.prefix)-command"
            guard settings[name]?.value.isEmpty ?? true else { continue }
            diagnose(settings[name], "pdns does not start without \(name); write \(example(name))")
        }
        guard let pipe, let command = settings["\(pipe.prefix)-command"], !command.value.isEmpty else { return }
        let name = command.name
        let example = example(name)
        if fileKind(command.value) == S_IFSOCK {
            return diagnose(
                command,
                "pdns never connects again to a socket whose server was restarted, and answers SERVFAIL; write \(example)",
                isWarning: true)
        }
        let words = command.parts(separatedBy: " ", keepsEmpty: true)
        if let quoted = words.first(where: { $0.text.contains(where: "\"'".contains) }) {
            let bare = command.value.filter { !"\"'".contains($0) }
            return diagnose(
                quoted.place,
                "pdns gives quotation marks no meaning, and arguments end at spaces; write \(name)=\(bare)")
        }
        guard words[0].text.hasPrefix("/") else {
            return diagnose(
                command,
                "pdns looks for '\(words[0].text)' neither in PATH nor by a shell, but in the folder where it is started, and does not start; write \(example)"
            )
        }
        if let reason = fault(ofProgram: root + words[0].text) {
            diagnose(command, "pdns does not start: \(reason); install geopipe there, or write \(example)")
        } else if !isGeopipe(command) {
            diagnose(
                command, "\(words[0].text) is not called geopipe; if it is not a copy of geopipe, write \(example)",
                isWarning: true)
        }
        if isGeopipe(command) { inspectArguments(words.dropFirst(), command, "\(name)=\(words[0].text)") }
        if !root.isEmpty {
            diagnose(
                settings["chroot"],
                "coprocesses see only what is in \(root); copy the databases and all else that geopipe reads into it, or remove chroot",
                isWarning: true)
        }
    }

    private func example(_ name: String) -> String {
        "\(name)=/usr/local/bin/geopipe --config \(absolutePath(deployment.configuration.file))"
    }

    /// The folder that absolute paths of coprocesses are resolved in: pdns changes its root before it starts them.
    private var root: String { settings["chroot"]?.value ?? "" }

    private func fault(ofProgram path: String) -> String? {
        switch fileKind(path) {
        case nil: "\(path) does not exist"
        case S_IFREG: access(path, X_OK) == 0 ? nil : "\(path) may not be executed"
        default: "\(path) is not a program"
        }
    }

    /// Checks the arguments of geopipe.
    ///
    /// - Parameter start: the line before the arguments.
    private mutating func inspectArguments(
        _ words: ArraySlice<PowerDNSConfiguration.Setting.Part>, _ command: PowerDNSConfiguration.Setting,
        _ start: String
    ) {
        if let empty = words.first(where: \.text.isEmpty) {
            let kept = words.map(\.text).filter { !$0.isEmpty }
            return diagnose(
                empty.place,
                "pdns does not start: geopipe refuses the empty argument between two spaces; write \(([start] + kept).joined(separator: " "))"
            )
        }
        let checked = deployment.configuration.file
        let file: String
        do throws(Deployment.CommandError) {
            file = try deployment.configurationFile(words.map(\.text))
        } catch {
            return diagnose(
                words.first?.place ?? command.place,
                "pdns does not start: geopipe, started without a shell, reports: \(error.message); write \(start) --config \(absolutePath(checked))"
            )
        }
        let place = words.first { $0.text.hasSuffix(file) }?.place ?? command.place
        if !file.hasPrefix("/") {
            diagnose(
                place,
                "pdns does not start: geopipe looks for '\(file)' in the folder where pdns is started; write \(start) --config \(absolutePath(file))"
            )
        } else if access(root + file, R_OK) != 0 {
            diagnose(
                place,
                "pdns does not start: geopipe cannot read \(root + file): \(String(cString: strerror(errno))); write \(start) --config \(absolutePath(checked))"
            )
        } else if absolutePath(root + file) != absolutePath(checked) {
            diagnose(
                place,
                "pdns starts geopipe with \(file), but \(checked) is being checked; write \(start) --config \(absolutePath(checked))",
                isWarning: true)
        }
    }
}

/// Returns the kind of the file at `path`, with links followed; `nil` if it does not exist.
func fileKind(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
}

/// Returns the path of a file without links; `path` itself if the file does not exist.
private func absolutePath(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
}
