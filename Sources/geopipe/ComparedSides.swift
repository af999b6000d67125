import Answering
import ArgumentParser
import Compiler
import Configuration
import Glibc
import Image
import Inspection
import Platform
import Routing
import State

/// One side of a comparison: a compiled configuration, or an image.
struct ComparedSide {
    /// Its name on the command line.
    var name: String
    /// `nil` for a configuration with errors.
    var snapshot: Snapshot?
    /// Its errors; errors of a zone alone do not make it unusable.
    var errors: [Diagnostic] = []
    /// The configuration; `nil` for an image.
    var configuration: String?
    /// The files that it was compiled from.
    var inputs: [String] = []
    private var isInForce = false

    /// Maps an image, or compiles a configuration in the memory of this process. Prints problems to stderr.
    ///
    /// - Parameters:
    ///   - databases: files in place of those of the configuration.
    ///   - previous: the snapshot whose unchanged parts are reused.
    ///   - tables: the address tables of the configuration, if they exist already.
    init(
        _ file: String, databases: [String] = [], previous: Snapshot? = nil, tables: AddressTables? = nil,
        _ options: ConfigurationOptions
    ) throws(ExitCode) {
        name = file + (databases.isEmpty ? "" : " with \(databases.joined(separator: ", "))")
        guard access(file, R_OK) == 0 else {
            printError("cannot open \(visible(file)): \(String(cString: strerror(errno)))")
            throw .unusable
        }
        do {
            if Image.isImage(file) {
                guard databases.isEmpty else {
                    printError(
                        "\(visible(file)) is an image, which contains its places; --database needs a configuration")
                    throw ExitCode.unusable
                }
                snapshot = try Snapshot(path: file, owners: options.imageStore()?.owners)
                return
            }
            configuration = file
            let request = CompileRequest(configuration: file, databases: databases)
            let outcome = Compilation(request, previous: previous, previousReport: nil, tables: tables).run(
                keepsSerials: false)
            errors = outcome.diagnostics.filter { !$0.isWarning }
            for diagnostic in outcome.diagnostics where diagnostic.isWarning {
                printError(visible(diagnostic.description))
            }
            inputs = outcome.report.inputs.map(\.path)
            if let image = outcome.image { snapshot = try Snapshot(image) }
        } catch let code as ExitCode {
            throw code
        } catch {
            printError("\(error)")
            throw .unusable
        }
    }

    /// Describes the image in force.
    fileprivate init(inForce: Snapshot) {
        name = "what runs"
        snapshot = inForce
        isInForce = true
    }

    /// The identity of its inputs: see `inputsIdentity`; for an image, its id.
    var identity: String {
        if isInForce, let identity = snapshot?.inputsIdentity { return identity }
        return configuration.map { inputsIdentity(configuration: $0, inputs: inputs) } ?? snapshot?.image.id ?? ""
    }
}

/// Returns the identity of a change.
///
/// - Parameters:
///   - old: the identity of what is in force.
///   - new: the identity of its replacement.
func changeIdentity(from old: String, to new: String) -> String { "\(old) \(new)" }

extension Snapshot {
    /// The identity of its inputs: see the function of this name. `nil` if they are no longer on disk, or changed.
    var inputsIdentity: String? {
        guard isCurrent else { return nil }
        return geopipe.inputsIdentity(configuration: manifest.configuration, inputs: manifest.inputs.map(\.path))
    }
}

/// Returns a hash of all files that a configuration is made from, wherever their folder is, as 16 hexadecimal digits.
///
/// - Parameter inputs: absolute paths.
func inputsIdentity(configuration: String, inputs: [String]) -> String {
    let configuration = absolutePath(configuration)
    let folder = folder(of: configuration) + "/"
    // The configuration may name a file by the real path of its folder.
    let folders = [folder, realPath(folder) + "/"]
    // A file's name is its path from the configuration's folder, so swapping two files is a change.
    func name(_ path: String) -> String {
        if path == configuration { return "" }
        let own = folders.first { path.hasPrefix($0) }
        return String(own.map { path.dropFirst($0.count) } ?? path.split(separator: "/").last ?? "")
    }
    let contents = inputs.map { path in
        "\(name(path))\t\(contentHash(ofFile: path).map { String($0, radix: 16) } ?? "none")"
    }
    let hash = String(Routing.identity(of: contents.sorted().joined(separator: "\n")), radix: 16)
    return String(repeating: "0", count: 16 - hash.count) + hash
}

/// Both sides of a comparison.
struct ComparedSides {
    let old: ComparedSide
    let new: ComparedSide

    /// Opens or compiles both. Prints problems to stderr.
    ///
    /// - Parameter files: OLD and NEW, or NEW alone, or none.
    init(_ files: [String], _ options: ConfigurationOptions) throws(ExitCode) {
        let new = files.last ?? options.file
        var work: BackgroundWork<AddressTables?>?
        if files.count == 2 {
            work = Self.tables(of: new, beside: files[0], options)
            old = try ComparedSide(files[0], options)
        } else if let state = try Self.state(options), let inForce = ImageStore.anyCurrent(of: options.file, in: state)
        {
            old = ComparedSide(inForce: inForce)
        } else if files.isEmpty, !options.databases.isEmpty {
            old = try ComparedSide(options.file, options)
        } else {
            let place = options.state().map { " in \(visible($0.path))" } ?? ""
            printError(
                "there is no image of \(visible(options.file)) in force\(place) to compare with; name what runs with --config and --state, or OLD before NEW"
            )
            throw .unusable
        }
        for error in old.errors { printError(visible(error.description)) }
        guard let snapshot = old.snapshot else { throw .unusable }
        self.new = try ComparedSide(
            new, databases: options.databases, previous: snapshot, tables: work?.wait(), options)
        for error in self.new.errors { printError(visible(error.description)) }
    }

    /// Returns the state directory with the image in force.
    private static func state(_ options: ConfigurationOptions) throws(ExitCode) -> StateDirectory? {
        do throws(Refusal) {
            return try options.knownState()
        } catch {
            printError(visible(error.message))
            throw error.code
        }
    }

    /// Starts building the address tables of NEW on another thread while this one compiles OLD; `nil` if that would
    /// gain nothing.
    private static func tables(
        of new: String, beside old: String, _ options: ConfigurationOptions
    ) -> BackgroundWork<AddressTables?>? {
        // Maps with the same rules reuse the tables of OLD.
        guard coresToUse > 1, !Image.isImage(old), !Image.isImage(new),
            !options.databases.isEmpty || contentHash(ofFile: old) != contentHash(ofFile: new)
        else { return nil }
        let request = CompileRequest(configuration: new, databases: options.databases)
        return BackgroundWork { AddressTables.made(for: request) }
    }
}
