import Answering
import ArgumentParser
import Compiler
import Configuration
import Geography
import Glibc
import Platform
import State
import Zones

/// Where the configuration is, for all commands alike.
struct ConfigurationOptions: ParsableArguments {
    /// Where the configuration is unless the command line says otherwise.
    static let defaultFile = "/etc/geopipe/geopipe.yaml"

    @Option(name: .customLong("config"), help: ArgumentHelp("The configuration.", valueName: "file"))
    var file = Self.defaultFile

    @Option(
        name: .customLong("database"),
        help: ArgumentHelp(
            "A MaxMind database to use in place of the configured ones. May be given several times.", valueName: "file")
    )
    var databases: [String] = []

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "The folder of the state, in place of the configuration's state_directory.", valueName: "folder"))
    var stateDirectory: String?

    /// The inputs of a compilation.
    var request: CompileRequest {
        CompileRequest(configuration: file, databases: databases, stateDirectory: stateDirectory)
    }

    /// Where the state is; `nil` for `state_directory: none`. The usual place if the configuration cannot be read, which is for what must
    /// go on all the same.
    func state() -> StateDirectory? {
        (stateDirectory ?? Configuration.stateDirectory(ofFile: file)).map(StateDirectory.init)
    }

    /// The state directory, for commands of people; `nil` for `state_directory: none`. It is never guessed: a person must not see the
    /// state of another server.
    func knownState() throws(Refusal) -> StateDirectory? {
        if let stateDirectory { return StateDirectory(path: stateDirectory) }
        switch Configuration.statePlace(ofFile: file) {
        case .folder(let path): return StateDirectory(path: path)
        case .none: return nil
        case .unknown(let reason):
            throw Refusal(
                message:
                    "cannot read \(file), so the state directory is not known; name it with --state DIR (\(reason))",
                code: .unusable)
        }
    }

    /// Where the images are; `nil` if there is no state directory.
    func imageStore() -> ImageStore? {
        state().map { ImageStore(of: file, overrides: databases, in: $0) }
    }

    /// The configuration without its zones, for what an image does not say. Errors of zones go unseen.
    func configuration() throws(ConfigurationError) -> Configuration {
        try Configuration.load(file, databases: databases, hasZones: false, parsesZones: false, advises: false)
    }

    /// What knows the serials of the zones, for a process that does not serve them.
    var serials: (_ stateDirectory: String?) -> any ZoneSerials {
        { configured in
            SerialStore(
                of: file, in: (stateDirectory ?? configured).map(StateDirectory.init), keepsChanges: false)
        }
    }

    /// What answers are made from: what runs, or what is to run in a moment since a file has changed.
    ///
    /// That is the image in force if it was made of what is on disk, or was put in force in its place (`rollout back`, `rollout commit
    /// --image-only`); else one of this process alone, made of what is on disk; and if that cannot be used, the image in force. What is
    /// wrong, and which of these it is, goes to stderr.
    private func snapshot() throws(ExitCode) -> (Snapshot, Source) {
        let store = imageStore()
        let inForce = store?.current().snapshot
        if let inForce, inForce.isCurrent { return (inForce, .imageInForce) }
        let report = store?.report()
        let isInTheirPlace = inForce.map { inForce in
            // Without a report, an image that was made of no file can only have been put there.
            report.map { $0.isCurrent && $0.image != nil && $0.image != inForce.image.id }
                ?? inForce.manifest.inputs.isEmpty
        }
        if let inForce, isInTheirPlace == true {
            printError(
                "answering from what runs: image \(inForce.image.id), which is not that of the files on disk, as after geopipe rollout back or commit --image-only; to ask those: geopipe compile --config \(visible(file)) -o FILE, and --image FILE"
            )
            return (inForce, .imageInTheirPlace)
        }
        let outcome = Compilation(request, previous: inForce, previousReport: report).run(keepsSerials: false)
        for diagnostic in outcome.diagnostics { printError(visible(diagnostic.description)) }
        if let image = outcome.image {
            if let inForce, let store, inForce.image.id != image.id {
                printError(
                    "answering from the files on disk, which are not in force yet; what runs is image \(inForce.image.id): --image \(store.currentLink)"
                )
            }
            do { return (try Snapshot(image), .disk) } catch { printError("\(error)") }
        } else if let inForce {
            printError("using the image in force, of \(dateAndTime(inForce.manifest.created))")
            return (inForce, .olderImage)
        }
        throw ExitCode.unusable
    }

    /// Where answers come from.
    enum Source {
        /// It was made of what is on disk.
        case imageInForce
        /// The image in force, which was put in the place of what is on disk.
        case imageInTheirPlace
        /// It was made of what is not on disk any more, or not in that form.
        case olderImage
        /// An image of this process alone.
        case disk
        /// A file that the command line named.
        case file(String)
    }

    /// All that answers are made from; what is wrong goes to stderr.
    ///
    /// - Parameter image: the file of an image that is used whatever the configuration says.
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
            printError("\(error); as if there were none")
        }
        do throws(StateDirectory.Failure) {
            let found = try state?.health()
            health = found?.value
            if let diagnostic = found?.diagnostic { printError(diagnostic) }
        } catch {
            printError("\(error); as if all addresses were up")
        }
        return (Serving(snapshot, switches: switches, health: health, at: time(nil)), source)
    }
}

/// Which image, and which client: for `explain` and `query`.
struct LocalQueryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The resolver that asks for the client. Where nothing is known of the client, its place counts.",
            valueName: "address"))
    var resolver: AddressArgument?

    @Option(
        help: ArgumentHelp(
            "Answer from the image in this file, as compile -o makes it, whatever the configuration says.",
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

/// A domain name of the command line, without the dot at its end.
@Sendable func domainName(_ argument: String) throws -> String {
    guard argument.utf8.allSatisfy({ $0 < 0x80 }) else {
        throw ValidationError(
            "'\(visible(argument))' is not a domain name in ASCII; write its form that begins with xn--")
    }
    // In the protocol of pdns a tab begins the next field.
    guard !argument.isEmpty, argument.utf8.allSatisfy({ 0x21...0x7e ~= $0 }) else {
        throw ValidationError(
            "'\(visible(argument))' is not a domain name; it has spaces or control characters, or nothing")
    }
    return argument.hasSuffix(".") && argument.count > 1 ? String(argument.dropLast()) : argument
}
