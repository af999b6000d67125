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

/// A thing that is compared: a configuration that has been compiled, or an image.
struct ComparedSide {
    /// What the command line calls it.
    var name: String
    /// `nil` if it is a configuration with errors.
    var snapshot: Snapshot?
    /// What is wrong with it; with a zone alone, it can be used all the same.
    var errors: [Diagnostic] = []
    /// The configuration; `nil` for an image.
    var configuration: String?
    /// The files that it was compiled from.
    var inputs: [String] = []
    private var isInForce = false

    /// Maps an image, or compiles a configuration in the memory of this process. What is odd goes to stderr.
    ///
    /// - Parameters:
    ///   - databases: in place of those of the configuration.
    ///   - previous: what has not changed since is taken from there.
    ///   - tables: those of the configuration, if they were made before.
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
                    printError("\(visible(file)) is an image, which has its places; --database needs a configuration")
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

    /// The image in force.
    fileprivate init(inForce: Snapshot) {
        name = "what runs"
        snapshot = inForce
        isInForce = true
    }

    /// Tells what it was made from: see `inputsIdentity`; of an image its id.
    var identity: String {
        if isInForce, let identity = snapshot?.inputsIdentity { return identity }
        return configuration.map { inputsIdentity(configuration: $0, inputs: inputs) } ?? snapshot?.image.id ?? ""
    }
}

/// Tells a change from any other, of the same side or from another one.
///
/// - Parameters:
///   - old: the identity of what runs.
///   - new: the identity of what is to run.
func changeIdentity(from old: String, to new: String) -> String { "\(old) \(new)" }

extension Snapshot {
    /// Tells what it was made from: see the function of this name. `nil` if that is not on disk any more, or not as it was.
    var inputsIdentity: String? {
        guard isCurrent else { return nil }
        return geopipe.inputsIdentity(configuration: manifest.configuration, inputs: manifest.inputs.map(\.path))
    }
}

/// A number over the content of all files that a configuration is made from, wherever their folder is, in 16 hexadecimal digits.
///
/// - Parameter inputs: absolute paths.
func inputsIdentity(configuration: String, inputs: [String]) -> String {
    let configuration = absolutePath(configuration)
    let folder = folder(of: configuration) + "/"
    // The configuration may name a file by the folder's other path.
    let folders = [folder, realPath(folder) + "/"]
    // A file has the name by which it is found from the configuration's folder: two that change places are a change.
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

/// Two things that are compared.
struct ComparedSides {
    let old: ComparedSide
    let new: ComparedSide

    /// Finds or makes them. What is wrong goes to stderr.
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

    /// Where the image in force is sought.
    private static func state(_ options: ConfigurationOptions) throws(ExitCode) -> StateDirectory? {
        do throws(Refusal) {
            return try options.knownState()
        } catch {
            printError(visible(error.message))
            throw error.code
        }
    }

    /// Begins to make the address tables of NEW in a thread of its own, while this one compiles OLD; `nil` if that would gain nothing.
    private static func tables(
        of new: String, beside old: String, _ options: ConfigurationOptions
    ) -> BackgroundWork<AddressTables?>? {
        // Those of the same rules are taken from OLD.
        guard coresToUse > 1, !Image.isImage(old), !Image.isImage(new),
            !options.databases.isEmpty || contentHash(ofFile: old) != contentHash(ofFile: new)
        else { return nil }
        let request = CompileRequest(configuration: new, databases: options.databases)
        return BackgroundWork { AddressTables.made(for: request) }
    }
}
