import DNS
import Geography
import Glibc
import Platform
import State
import Synchronization

/// What files say about addresses.
///
/// A line of one word, `up` or `down`, is about every address; a line `ADDRESS up` or `ADDRESS down` is about that one, and wins.
/// Of several the last counts. What a file does not speak of is up.
final class FileProbe: Sendable {
    /// A file as it was read.
    private struct Reading: Sendable {
        var state: FileState
        var contents: FileContents
    }

    /// Files that may be about many addresses; others are read each time.
    private let readings = Mutex<[String: Reading]>([:])
    private static let readingLimit = 16

    /// Looks into a file. May wait for the disk without end, but for nothing else.
    func check(_ path: String, _ address: String) -> Outcome {
        let now = Glibc.time(nil)
        let state = FileState(path)
        if let reading = readings.withLock({ $0[path] }), reading.state == state {
            return reading.contents.outcome(address)
        }
        switch Self.read(path) {
        case .failure(let reason): return .failure(reason.text)
        case .success(let bytes):
            let contents = FileContents(bytes)
            // A file that was changed just now may be changed once more without looking like it.
            let isSettled = state == FileState(path) && !state.changed(since: (now - 1) * 1_000_000_000)
            readings.withLock { readings in
                if isSettled, contents.addressCount > 1 {
                    if readings.count >= Self.readingLimit { readings.removeAll() }
                    readings[path] = Reading(state: state, contents: contents)
                } else {
                    readings[path] = nil
                }
            }
            return contents.outcome(address)
        }
    }

    private struct Unreadable: Error { var text: String }

    private static func read(_ path: String) -> Result<[UInt8], Unreadable> {
        // What is no file might let its reader wait.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return .failure(Unreadable(text: "cannot read the file: \(systemError())")) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .failure(Unreadable(text: "it is no regular file"))
        }
        var bytes = [UInt8](repeating: 0, count: FileContents.sizeLimit + 1)
        var count = 0
        while count < bytes.count {
            let received = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count)
            }
            if received < 0, errno == EINTR { continue }
            guard received >= 0 else { return .failure(Unreadable(text: "cannot read the file: \(systemError())")) }
            guard received > 0 else { break }
            count += received
        }
        guard count <= FileContents.sizeLimit else { return .failure(Unreadable(text: "the file has more than 1 MiB")) }
        bytes.removeLast(bytes.count - count)
        return .success(bytes)
    }
}

/// What a file says.
struct FileContents: Equatable, Sendable {
    static let sizeLimit = 1 << 20

    /// About every address.
    private var general: Bool?
    private var specific: [IPAddress: Bool] = [:]
    /// The first line that says nothing of the kind.
    private var nonsense: String?

    var addressCount: Int { specific.count }

    init(_ bytes: [UInt8]) {
        if let encoding = wideEncoding(bytes) {
            nonsense = "the file is in \(encoding), not in UTF-8"
            return
        }
        let text = bytes.dropFirst(hasByteOrderMark(bytes) ? byteOrderMark.count : 0)
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(whereSeparator: { $0 <= 0x20 })
            let isUp: Bool? =
                words.last.map { $0.elementsEqual("up".utf8) ? true : $0.elementsEqual("down".utf8) ? false : nil }
                ?? nil
            if words.isEmpty {
                continue
            } else if let isUp, words.count == 1 {
                general = isUp
            } else if let isUp, words.count == 2, let address = IPAddress(String(decoding: words[0], as: UTF8.self)) {
                specific[address] = isUp
            } else if nonsense == nil {
                nonsense = String(decoding: line.prefix(200), as: UTF8.self)
            }
        }
    }

    func outcome(_ address: String) -> Outcome {
        if let nonsense { return .failure(nonsense) }
        guard let isUp = IPAddress(address).flatMap({ specific[$0] }) ?? general else {
            return .success("the file says nothing against it")
        }
        let words = "the file says \(isUp ? "up" : "down")"
        return isUp ? .success(words) : .failure(words)
    }
}
