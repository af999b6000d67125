import Answering
import ArgumentParser
import Compiler
import Configuration
import Geography
import Glibc
import Platform
import State
import Zones

/// The configuration options that all commands share.
struct ConfigurationOptions: ParsableArguments {
    /// The configuration's path unless the command line names another.
    static let defaultFile = "/etc/geopipe/geopipe.yaml"

    @Option(name: .customLong("config"), help: ArgumentHelp("The configuration.", valueName: "file"))
    var file = Self.defaultFile

    @Option(
        name: .customLong("database"),
        help: ArgumentHelp(
            "A MaxMind database to use instead of the configured ones. May be repeated.", valueName: "file")
    )
    var databases: [String] = []

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "The state directory, instead of the configuration's state_directory.", valueName: "folder"))
    var stateDirectory: String?

    var request: CompileRequest {
        CompileRequest(configuration: file, databases: databases, stateDirectory: stateDirectory)
    }

    /// Returns the state directory; `nil` for `state_directory: none`. Returns the usual one if the configuration
    /// cannot be read, for processes that must run all the same.
    func state() -> StateDirectory? {
        (stateDirectory ?? Configuration.stateDirectory(ofFile: file)).map(StateDirectory.init)
    }

    /// Returns the state directory for a command that a person runs; `nil` for `state_directory: none`. Never guesses,
    /// as an operator must not see the state of another server.
    func knownState() throws(Refusal) -> StateDirectory? {
        if let stateDirectory { return StateDirectory(path: stateDirectory) }
        switch Configuration.statePlace(ofFile: file) {
        case .folder(let path): return StateDirectory(path: path)
        case .none: return nil
        case .unknown(let reason):
            throw Refusal(
                message:
                    "cannot read \(file), so the state directory is unknown; name it with --state DIR (\(reason))",
                code: .unusable)
        }
    }

    /// Returns the store of images; `nil` without a state directory.
    func imageStore() -> ImageStore? {
        state().map { ImageStore(of: file, overrides: databases, in: $0) }
    }

    /// Loads the configuration without its zones, for what an image does not contain. Errors of zones go unseen.
    func configuration() throws(ConfigurationError) -> Configuration {
        try Configuration.load(file, databases: databases, hasZones: false, parsesZones: false, advises: false)
    }

    /// The serials of the zones, for a process that does not serve them.
    var serials: (_ stateDirectory: String?) -> any ZoneSerials {
        { configured in
            SerialStore(
                of: file, in: (stateDirectory ?? configured).map(StateDirectory.init), keepsChanges: false)
        }
    }

    /// Returns the snapshot to answer from: the one in force, or the one that will soon be, if a file has changed.
    ///
    /// This is the image in force if it was made from the files on disk, or replaces them (`rollout back`, `rollout
    /// commit --image-only`); otherwise a private image compiled from the files on disk; and if they cannot be used,
    /// the image in force. Prints problems and the choice to stderr.
    private func snapshot() throws(ExitCode) -> (Snapshot, Source) {
        let store = imageStore()
        let inForce = store?.current().snapshot
        if let inForce, inForce.isCurrent { return (inForce, .imageInForce) }
        let report = store?.report()
        let isInTheirPlace = inForce.map { inForce in
            // Without a report, an image made from no file was put in force by a command.
            report.map { $0.isCurrent && $0.image != nil && $0.image != inForce.image.id }
                ?? inForce.manifest.inputs.isEmpty
        }
        if let inForce, isInTheirPlace == true {
            printError(
                "answering from the image in force, \(inForce.image.id), which does not match the files on disk, as after geopipe rollout back or commit --image-only; to query the files: geopipe compile --config \(visible(file)) -o FILE, and --image FILE"
            )
            return (inForce, .imageInTheirPlace)
        }
        let outcome = Compilation(request, previous: inForce, previousReport: report).run(keepsSerials: false)
        for diagnostic in outcome.diagnostics { printError(visible(diagnostic.description)) }
        if let image = outcome.image {
            if let inForce, let store, inForce.image.id != image.id {
                printError(
                    "answering from the files on disk, which are not in force yet; in force is image \(inForce.image.id): --image \(store.currentLink)"
                )
            }
            do { return (try Snapshot(image), .disk) } catch { printError("\(error)") }
        } else if let inForce {
            printError("using the image in force, of \(dateAndTime(inForce.manifest.created))")
            return (inForce, .olderImage)
        }
        throw ExitCode.unusable
    }

    /// The source of answers.
    enum Source {
        /// The image in force, made from the files on disk.
        case imageInForce
        /// The image in force, which replaces the files on disk.
        case imageInTheirPlace
        /// The image in force, made from files that have changed since.
        case olderImage
        /// A private image of this process.
        case disk
        /// An image file that the command line named.
        case file(String)
    }

    /// Returns everything that answers are made from; prints problems to stderr.
    ///
    /// - Parameter image: an image file to use whatever the configuration says.
    func serving(image: String? = nil) throws(ExitCode) -> (serving: Serving, source: Source) {
        let snapshot: Snapshot
        let source: Source
        let state: StateDirectory?
        if let image {
            do {
                snapshot = try Snapshot(path: image, owners: imageStore()?.owners)
            } catch {
                printError("\(error)")
                throw .unusable
            }
            source = .file(image)
            let path = stateDirectory ?? snapshot.manifest.stateDirectory
            state = path.isEmpty ? nil : StateDirectory(path: path)
        } else {
            (snapshot, source) = try self.snapshot()
            state = self.state()
        }
        var switches: [Switch] = []
        var health: HealthReport?
        do throws(StateDirectory.Failure) {
            let found = try state?.switches()
            switches = found?.value ?? []
            if let diagnostic = found?.diagnostic { printError(diagnostic) }
        } catch {
            printError("\(error); assuming that there are none")
        }
        do throws(StateDirectory.Failure) {
            let found = try state?.health()
            health = found?.value
            if let diagnostic = found?.diagnostic { printError(diagnostic) }
        } catch {
            printError("\(error); assuming that all addresses are up")
        }
        return (Serving(snapshot, switches: switches, health: health, at: time(nil)), source)
    }
}

/// The image and the client, for `explain` and `query`.
struct LocalQueryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The resolver that asks for the client. Its place counts if the client's is unknown.",
            valueName: "address"))
    var resolver: AddressArgument?

    @Option(
        help: ArgumentHelp(
            "Answer from the image in this file (see compile -o) instead of that of the configuration.",
            valueName: "file"))
    var image: String?
}

/// An address on the command line.
struct AddressArgument: ExpressibleByArgument {
    let address: IPAddress

    init?(argument: String) {
        guard let address = IPAddress(argument) else { return nil }
        self.address = address
    }
}

/// Parses a domain name on the command line; drops the final dot.
@Sendable func domainName(_ argument: String) throws -> String {
    guard argument.utf8.allSatisfy({ $0 < 0x80 }) else {
        throw ValidationError(
            "'\(visible(argument))' is not an ASCII domain name; write its xn-- form (RFC 5890)")
    }
    // In the protocol of pdns, a tab separates fields.
    guard !argument.isEmpty, argument.utf8.allSatisfy({ 0x21...0x7e ~= $0 }) else {
        throw ValidationError(
            "'\(visible(argument))' is not a domain name; it has spaces or control characters, or is empty")
    }
    return argument.hasSuffix(".") && argument.count > 1 ? String(argument.dropLast()) : argument
}
