import Glibc
import Platform
import Synchronization

/// The form of the few kinds of data for which no form suits all releases of pdns: records of the types HHIT, BRID,
/// RESINFO and WALLET, and the SvcParams `ohttp` and `tls-supported-groups`. pdns 5.1 accepts these only by name, and
/// older releases only by number.
public enum RecordDialect: Sendable {
    case upTo5_0, since5_1

    /// The dialect that `speak` has set.
    private static let configured = Mutex<Self?>(nil)

    /// The dialect of the pdns that asks this process. It is detected when a record needs it, because that takes some
    /// milliseconds.
    private static let detected = ofAskingServer() ?? ofInstalledServer() ?? .upTo5_0

    /// The dialect that `speak` has set, or else that of the pdns that asks this process.
    public static var asking: Self { configured.withLock { $0 } ?? detected }

    private static let decisive = Mutex(false)

    /// Whether any record that was read so far has different forms in the two dialects.
    public static var isDecisive: Bool { decisive.withLock(\.self) }

    /// Returns the dialect of the pdns that asks, for a record that depends on it, and remembers that there is such a
    /// record.
    static var decisiveForRecord: Self {
        decisive.withLock { $0 = true }
        return asking
    }

    /// Sets the dialect of this process, without regard to the pdns that asks it.
    public static func speak(_ dialect: Self) { configured.withLock { $0 = dialect } }

    /// Returns the dialect of the pdns_server that is an ancestor of this process; `nil` if there is none.
    private static func ofAskingServer() -> Self? {
        var process = getppid()
        // A script may be between the two.
        for _ in 0..<4 where process > 1 {
            let folder = "/proc/\(process)"
            let command = contents(ofSmallFile: "\(folder)/cmdline").map {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            // The link is the running program, even if another has been installed since. If pdns has changed its user,
            // its coprocesses cannot read the link, so the path of its command line is tried, too.
            if let command, command.hasSuffix("pdns_server") || command.hasSuffix("pdns_server-instance") {
                if let dialect = ofProgram(at: "\(folder)/exe") { return dialect }
                if command.hasPrefix("/"), let dialect = ofProgram(at: command) { return dialect }
                return nil
            }
            guard let status = contents(ofSmallFile: "\(folder)/stat"),
                let end = status.lastIndex(of: UInt8(ascii: ")")),
                case let fields = status[(end + 1)...].split(separator: UInt8(ascii: " ")), fields.count > 1,
                let parent = pid_t(String(decoding: fields[1], as: UTF8.self))
            else { return nil }
            process = parent
        }
        return nil
    }

    /// Returns the dialect of the pdns_server in `PATH`; `nil` if there is none.
    private static func ofInstalledServer() -> Self? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"]
        for folder in folders where folder.hasPrefix("/") {
            if let dialect = ofProgram(at: "\(folder)/pdns_server") { return dialect }
        }
        return nil
    }

    /// Returns the dialect of the pdns_server at `path`, by a string that only 5.1 and later programs contain; `nil`
    /// if it cannot be read.
    static func ofProgram(at path: String) -> Self? {
        file(at: path, contains: "tls-supported-groups").map { $0 ? .since5_1 : .upTo5_0 }
    }
}
