import Glibc
import Platform
import Synchronization

/// How the pdns that asks takes the few kinds of data that no two forms of every release take alike: records of the types
/// HHIT, BRID, RESINFO and WALLET, and the parameters `ohttp` and `tls-supported-groups` of services. pdns 5.1 takes these
/// by their names only, and older releases by their numbers only.
public enum RecordDialect: Sendable {
    case upTo5_0, since5_1

    /// What `speak` has set.
    private static let told = Mutex<Self?>(nil)

    /// What was found out about the pdns that asks. One look takes some milliseconds, so that only a record that needs it
    /// causes it.
    private static let found = ofAskingServer() ?? ofInstalledServer() ?? .upTo5_0

    public static var asking: Self { told.withLock { $0 } ?? found }

    private static let decisive = Mutex(false)

    /// Whether any record that was read so far has one form for one dialect and another for the other.
    public static var isDecisive: Bool { decisive.withLock(\.self) }

    /// That of the pdns that asks, for a record to which it makes a difference.
    static var decisiveForRecord: Self {
        decisive.withLock { $0 = true }
        return asking
    }

    /// Sets the dialect of this process, whatever asks it.
    public static func speak(_ dialect: Self) { told.withLock { $0 = dialect } }

    /// That of the pdns_server that has started this process, or its parent; `nil` if there is none.
    private static func ofAskingServer() -> Self? {
        var process = getppid()
        // A script may stand between the two.
        for _ in 0..<4 where process > 1 {
            let folder = "/proc/\(process)"
            let command = contents(ofSmallFile: "\(folder)/cmdline").map {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            // The first is the program that runs, even if another has been installed since. A pdns that has changed its
            // user does not show it to its coprocesses.
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

    private static func ofInstalledServer() -> Self? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"]
        for folder in folders where folder.hasPrefix("/") {
            if let dialect = ofProgram(at: "\(folder)/pdns_server") { return dialect }
        }
        return nil
    }

    /// That of a pdns_server, found by a word that only 5.1 and newer have in them; `nil` if it cannot be read.
    static func ofProgram(at path: String) -> Self? {
        file(at: path, contains: "tls-supported-groups").map { $0 ? .since5_1 : .upTo5_0 }
    }
}
