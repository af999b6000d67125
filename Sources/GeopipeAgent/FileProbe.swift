import DNS
import Geography
import Glibc
import Platform
import State
import Synchronization

/// Reads the state of addresses from files.
///
/// A line `up`, `down` or `up 40%` applies to all addresses; with an address before it, only to that one, and it wins.
/// Of several lines the last one counts. Addresses without a line are up. Case does not matter, and a line that begins
/// with # is a comment. Any other line is a typo: the addresses that it may concern have an unknown state.
final class FileProbe: Sendable {
    /// The contents and state of a file when it was read.
    private struct Reading: Sendable {
        var state: FileState
        var contents: FileContents
    }

    /// Files that may be about many addresses; others are read each time.
    private let readings = Mutex<[String: Reading]>([:])
    private static let readingLimit = 16

    /// Reads a file. May wait for the disk without end, but for nothing else.
    func check(_ path: String, _ address: String) -> Outcome {
        let now = Glibc.time(nil)
        let state = FileState(path)
        if let reading = readings.withLock({ $0[path] }), reading.state == state {
            return reading.contents.outcome(address)
        }
        switch Self.read(path) {
        case .failure(let reason): return reason.isSlip ? .error(reason.text) : .failure(reason.text)
        case .success(let bytes):
            let contents = FileContents(bytes, name: path)
            // A file that has just changed may change again without a new time stamp.
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

    private struct Unreadable: Error {
        var text: String
        /// Whether the address has an unknown state.
        var isSlip = false
    }

    private static func read(_ path: String) -> Result<[UInt8], Unreadable> {
        // A FIFO or device could block its reader.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return .failure(Unreadable(text: "cannot read the file: \(systemError())")) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .failure(Unreadable(text: "it is not a regular file"))
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
        guard count <= FileContents.sizeLimit else {
            return .failure(Unreadable(text: "\(path) has more than 1 MiB", isSlip: true))
        }
        bytes.removeLast(bytes.count - count)
        return .success(bytes)
    }
}

/// The parsed contents of a file.
struct FileContents: Equatable, Sendable {
    static let sizeLimit = 1 << 20

    /// The meaning of a line.
    private enum Word: Hashable {
        /// Up, with this weight in percent, 1 to 100.
        case up(Int)
        case down
        /// A typo.
        case slip(String)
    }

    /// The line for all addresses.
    private var general: Word?
    private var specific: [IPAddress: Word] = [:]

    var addressCount: Int { specific.count }

    /// - Parameter name: the name of the file in messages.
    init(_ bytes: [UInt8], name: String = "the file") {
        if let encoding = wideEncoding(bytes) {
            general = .slip("\(name) is in \(encoding), not in UTF-8")
            return
        }
        let text = bytes.dropFirst(hasByteOrderMark(bytes) ? byteOrderMark.count : 0)
        for (number, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: { $0 <= 0x20 }).map { String(decoding: $0, as: UTF8.self) }
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let address = IPAddress(first)
            let word = Self.word(words.dropFirst(address == nil ? 0 : 1).map { $0.lowercased() })
            let slip = Word.slip(
                "line \(number + 1) of \(name) is '\(String(decoding: line.prefix(100), as: UTF8.self).trimmed)'; write up, down, up 40%, or an address before these"
            )
            if let address {
                specific[address] = word ?? slip
            } else if case .slip? = general {
                // The first typo may concern any address, whatever follows it.
                continue
            } else {
                general = word ?? slip
            }
        }
    }

    private static func word(_ words: [String]) -> Word? {
        switch words.count {
        case 1 where words[0] == "up": return .up(100)
        case 1 where words[0] == "down": return .down
        case 2 where words[0] == "up": return parseWeight(words[1]).map { $0 == 0 ? .down : .up($0) }
        default: return nil
        }
    }

    func outcome(_ address: String) -> Outcome {
        let own = IPAddress(address).flatMap { specific[$0] }
        switch own ?? general {
        case .up(100): return .success("the file says up")
        case .up(let weight): return .success("the file says up \(weight)%", weight: weight)
        case .down: return .failure("the file says down")
        case .slip(let reason): return .error(reason)
        case nil: return .success("the file has no line for it")
        }
    }
}

/// Parses a weight such as `40%`, 0 to 100; `nil` for anything else.
func parseWeight(_ text: some StringProtocol) -> Int? {
    guard text.hasSuffix("%"), let number = UInt8(text.dropLast()), number <= 100 else { return nil }
    return Int(number)
}

extension String {
    /// The bytes without surrounding spaces and line ends.
    var trimmed: Substring {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
