import DNS
import Glibc
import Platform
import Routing
import Zones

/// The last served serial of each zone of a configuration, in a file that all its coprocesses share.
///
/// The file is in the state directory; without one, or if it is not writable, in /dev/shm.
public final class SerialStore: ZoneSerials {
    private var entries: [String: Entry] = [:]
    private var isRead = false
    private var isChanged = false
    private let keepsChanges: Bool
    /// The files, the preferred one first.
    private let stores: [Store]
    /// The lock of the process that may change the file; -1 for a process that only reads it.
    private var lock: CInt = -1

    private struct Entry {
        var content: UInt64
        var serial: UInt32
    }

    /// A file of serials, and its folder.
    private struct Store {
        var directory: StateDirectory
        var name: String

        var file: String { directory.path + "/" + name }
    }

    private static let heading = "geopipe serials 1"
    /// How long to wait for another process that compiles the zones, in milliseconds. Longer compilations hold the
    /// compiler's lock, which others wait for before this.
    private static let timeout = 500

    /// - Parameters:
    ///   - configuration: the configuration's file.
    ///   - state: the state directory, if there is one.
    ///   - keepsChanges: whether this process serves the zones, and may change the file.
    public init(of configuration: String, in state: StateDirectory?, keepsChanges: Bool) {
        let name = String(identity(of: absolutePath(configuration)), radix: 16)
        let memory = Store(
            directory: StateDirectory(path: "/dev/shm"), name: "geopipe-serials-\(name)-\(geteuid())")
        stores = (state.map { [Store(directory: $0, name: "serials-\(name)")] } ?? []) + [memory]
        self.keepsChanges = keepsChanges
    }

    deinit { if lock >= 0 { close(lock) } }

    /// Reads the files, once.
    private func read() {
        guard !isRead else { return }
        isRead = true
        let memory = stores[stores.count - 1]
        if keepsChanges {
            lock = memory.directory.openLock(memory.name + "-lock")
            // A process that hangs must not stop all others.
            if lock >= 0, !memory.directory.hold(lock, timeout: Self.timeout) {
                close(lock)
                lock = -1
            }
        }
        for store in stores.reversed() { read(store) }
    }

    private func read(_ store: Store) {
        var status = stat()
        // Every user may write to /dev/shm, so check the owner.
        guard lstat(store.file, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            store.directory.path != "/dev/shm" || status.st_uid == geteuid(),
            let text = (try? store.directory.read(store.file)) ?? nil,
            let lines = try? StateFile.lines(text, Self.heading)
        else { return }
        for line in lines where line.count == 3 {
            guard let content = UInt64(line[1], radix: 16), let serial = UInt32(line[2]) else { continue }
            if let known = entries[line[0]], isLater(known.serial, than: serial) { continue }
            entries[line[0]] = Entry(content: content, serial: serial)
        }
    }

    public func serial(of apex: DomainName, content: UInt64, newest: UInt32) -> UInt32 {
        read()
        guard let known = entries[key(apex)] else { return set(newest, apex, content) }
        if known.content == content { return known.serial }
        // Some programs treat the serial 0 specially.
        let next = known.serial &+ 1 == 0 ? 1 : known.serial &+ 1
        return set(isLater(newest, than: known.serial) ? newest : next, apex, content)
    }

    public func accepts(_ serial: UInt32, of apex: DomainName, content: UInt64) -> Bool {
        read()
        guard let known = entries[key(apex)] else {
            _ = set(serial, apex, content)
            return true
        }
        return known.content == content && known.serial == serial
    }

    public func note(_ apex: DomainName, content: UInt64, serial: UInt32) -> UInt32? {
        read()
        let known = entries[key(apex)]
        if known?.content != content || known?.serial != serial { _ = set(serial, apex, content) }
        guard let known, known.content != content || known.serial != serial, !isLater(serial, than: known.serial)
        else { return nil }
        return known.serial
    }

    private func set(_ serial: UInt32, _ apex: DomainName, _ content: UInt64) -> UInt32 {
        entries[key(apex)] = Entry(content: content, serial: serial)
        isChanged = true
        return serial
    }

    private func key(_ apex: DomainName) -> String { apex.description.lowercased() }

    public func keep() {
        defer {
            if lock >= 0 { close(lock) }
            lock = -1
        }
        guard lock >= 0, isChanged else { return }
        let lines = entries.sorted { $0.key < $1.key }.map { apex, entry in
            [apex, String(entry.content, radix: 16), "\(entry.serial)"]
        }
        let text = StateFile.text(Self.heading, lines)
        for store in stores {
            do throws(StateDirectory.Failure) {
                if store.directory.path != "/dev/shm" { try store.directory.make() }
                try store.directory.write(text, to: store.file)
                return
            } catch { continue }
        }
    }
}
