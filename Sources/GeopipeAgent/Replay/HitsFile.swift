import Glibc
import Platform

/// A hits log of any size, of which only the part that is being read is in memory.
final class HitsFile: Sendable {
    /// The name without its folder.
    let name: String
    /// The times of the first and the last line, in milliseconds since 1970.
    let (first, last): (Int, Int)
    private let descriptor: CInt
    /// The bytes that were there when it was opened.
    private let size: Int
    /// Lines, the first first, with times that never fall: of lines that are out of order the latest time so far.
    private let index: [(offset: Int, time: Int)]

    /// Why a log cannot be played, and what to write instead.
    struct Unusable: Error, CustomStringConvertible {
        var description: String
    }

    /// What comes through a pipe is kept in memory, up to this many bytes.
    static let pipeLimit = 256 << 20
    /// The bytes that a line may have.
    fileprivate static let lineLimit = 1 << 16
    /// Milliseconds by which a line may be too late: several coprocesses write, each in pieces.
    static let disorder = 3_000
    /// The most places that the index has, and the fewest bytes between two of them.
    private static let (indexLimit, indexStep) = (1 << 16, 1 << 18)

    /// - Parameter path: `-` for standard input.
    init(_ path: String) throws(Unusable) {
        let shown = path == "-" ? "standard input" : visible(path)
        let opened = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard opened >= 0 else { throw Unusable(description: "cannot open \(shown): \(systemError())") }
        var descriptor = opened
        var status = stat()
        do throws(Unusable) {
            guard fstat(descriptor, &status) == 0 else {
                throw Unusable(description: "cannot read \(shown): \(systemError())")
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG: break
            case S_IFIFO, S_IFSOCK:
                let copy = try Self.copy(of: descriptor, shown)
                close(descriptor)
                descriptor = copy
                fstat(descriptor, &status)
            default: throw Unusable(description: "\(shown) is not a file; name a hits log")
            }
            size = Int(status.st_size)
            index = try Self.index(descriptor, size, shown)
            let (start, end) = (Self.times(descriptor, 0, size), Self.times(descriptor, max(0, size - (1 << 18)), size))
            first = min(start?.min ?? .max, index[0].time)
            last = max(end?.max ?? .min, index[index.count - 1].time)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        name = path == "-" ? "standard input" : String(path.split(separator: "/").last ?? "")
    }

    deinit { close(descriptor) }

    private static func copy(of pipe: CInt, _ shown: String) throws(Unusable) -> CInt {
        let file = AnonymousFile.make("hits")
        guard file >= 0 else { throw Unusable(description: "cannot make a file in memory: \(systemError())") }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        var size = 0
        while true {
            let count = Glibc.read(pipe, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            if count == 0 { return file }
            size += count
            guard count > 0, size <= pipeLimit, write(file, bytes, count) == count else {
                let reason =
                    size > pipeLimit
                    ? "\(shown) has more than \(pipeLimit >> 20) MiB; write it to a file, and name that"
                    : "cannot read \(shown): \(systemError())"
                close(file)
                throw Unusable(description: reason)
            }
        }
    }

    private static func index(_ descriptor: CInt, _ size: Int, _ shown: String) throws(Unusable) -> [(
        offset: Int, time: Int
    )] {
        var magic = [UInt8](repeating: 0, count: 4)
        _ = pread(descriptor, &magic, 4, 0)
        let isCompressed = [[0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd], [0xfd, 0x37, 0x7a, 0x58], [0x42, 0x5a, 0x68]]
            .contains { magic.starts(with: $0) }
        guard !isCompressed else {
            throw Unusable(description: "\(shown) is compressed; write zcat \(shown) | geopipe replay - or the like")
        }
        var index: [(offset: Int, time: Int)] = []
        let step = max(indexStep, size / indexLimit)
        for start in stride(from: 0, to: size, by: step) {
            var reader = Reader(descriptor, from: start, to: min(start + step, size), isAtLine: start == 0)
            guard let (line, offset) = reader.next() else { continue }
            index.append((offset, max(line.time, index.last?.time ?? 0)))
        }
        guard !index.isEmpty else {
            throw Unusable(
                description:
                    "\(shown) has no hits; it must be a log that geopipe has written (hits_log in the configuration), or a recording"
            )
        }
        return index
    }

    /// The earliest and the latest time of some lines from a place on.
    private static func times(_ descriptor: CInt, _ start: Int, _ size: Int) -> (min: Int, max: Int)? {
        var reader = Reader(descriptor, from: start, to: min(start + (1 << 18), size), isAtLine: start == 0)
        var times: (min: Int, max: Int)?
        while let (line, _) = reader.next() {
            times = (min(times?.min ?? .max, line.time), max(times?.max ?? .min, line.time))
        }
        return times
    }

    /// Reads the lines from a place on, in their order in the file.
    ///
    /// - Parameter time: in milliseconds since 1970; lines before that place may not be later than it, but for disorder.
    func lines(from time: Int) -> Reader {
        let place = index.last { $0.time <= time - Self.disorder } ?? (0, 0)
        // A line that says it is from the future must not hide those after it.
        return Reader(descriptor, from: place.offset, to: size, isAtLine: true, file: self)
    }

    /// Reads lines one after the other.
    struct Reader {
        private let descriptor: CInt
        /// Where lines may begin that are read.
        private let end: Int
        /// Keeps the file open.
        private let file: HitsFile?
        private var bytes: [UInt8] = []
        /// In `bytes`, the beginning of the next line; in the file, the end of `bytes`.
        private var (position, offset): (Int, Int)
        private var isAtLine: Bool
        /// The lines that were neither hits nor events.
        private(set) var ignoredLines = 0

        fileprivate init(_ descriptor: CInt, from start: Int, to end: Int, isAtLine: Bool, file: HitsFile? = nil) {
            (self.descriptor, self.end, self.isAtLine, self.file) = (descriptor, end, isAtLine, file)
            (position, offset) = (0, start)
        }

        /// The next line that is one, and where in the file it begins.
        mutating func next() -> (line: HitsLine, offset: Int)? {
            while true {
                let start = offset - bytes.count + position
                guard start < end, let bytes = nextLine() else { return nil }
                if !isAtLine {
                    // It began before the place to begin at.
                    isAtLine = true
                    continue
                }
                if let line = HitsLine(bytes) { return (line, start) }
                if !bytes.isEmpty { ignoredLines += 1 }
            }
        }

        private mutating func nextLine() -> ArraySlice<UInt8>? {
            var searched = position
            while true {
                if let feed = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                    defer { position = feed + 1 }
                    return bytes[position..<feed]
                }
                searched = bytes.count
                if searched - position > HitsFile.lineLimit {
                    // Its beginning counts as a line that is none.
                    defer { position = searched }
                    return bytes[position..<(position + 1)]
                }
                searched -= position
                bytes.removeFirst(position)
                position = 0
                guard fill() else {
                    guard !bytes.isEmpty else { return nil }
                    defer { position = bytes.count }
                    return bytes[...]
                }
            }
        }

        /// Reads the next piece of the file; false at its end.
        private mutating func fill() -> Bool {
            var piece = [UInt8](repeating: 0, count: 1 << 17)
            var count = 0
            repeat { count = pread(descriptor, &piece, piece.count, offset) } while count < 0 && errno == EINTR
            guard count > 0 else { return false }
            bytes += piece[..<count]
            offset += count
            return true
        }
    }
}
