import Glibc
import Platform

/// A hits log of any size, of which only the part being read is in memory.
final class HitsFile: Sendable {
    let name: String
    /// The earliest and the latest time of a sample of lines, in milliseconds since 1970: lines throughout the file,
    /// and all lines near its beginning and end.
    let (first, last): (Int, Int)
    private let descriptor: CInt
    /// Its size in bytes when it was opened.
    private let size: Int
    /// Offsets of lines in ascending order, each with the time of the line.
    private let index: [(offset: Int, time: Int)]

    /// The reason why a log cannot be played, and what to write instead.
    struct Unusable: Error, CustomStringConvertible {
        var description: String
    }

    /// The maximum number of bytes that are read from a pipe into memory.
    static let pipeLimit = 256 << 20
    /// The maximum length of a line in bytes.
    fileprivate static let lineLimit = 1 << 16
    /// Milliseconds by which a line may be late, because several coprocesses write in pieces.
    static let disorder = 3_000
    /// The maximum difference in milliseconds between a line and its neighbours of the same time, and the longest gap
    /// before a line without neighbours.
    fileprivate static let (vicinity, longestSilence) = (300_000, 86_400_000)
    /// The maximum number of lines that are read ahead to see whether time goes back.
    fileprivate static let lookAhead = 64
    /// The maximum number of index entries, and the minimum number of bytes between two of them.
    private static let (indexLimit, indexStep) = (1 << 16, 1 << 18)
    /// The size up to which a file is small, and the minimum number of bytes between two index entries of a small file.
    private static let (smallSize, smallStep) = (1 << 23, 1 << 14)

    /// - Parameter path: `-` for standard input.
    init(_ path: String) throws(Unusable) {
        let shown = path == "-" ? "standard input" : visible(path)
        let opened = path == "-" ? dup(STDIN_FILENO) : openInput(path)
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
                let copy = try Self.copy(of: descriptor, isNamed: path != "-", shown)
                close(descriptor)
                descriptor = copy
                fstat(descriptor, &status)
            default: throw Unusable(description: "\(shown) is not a file; name a hits log")
            }
            size = Int(status.st_size)
            index = try Self.index(descriptor, size, shown)
            let (start, end) = (Self.times(descriptor, 0, size), Self.times(descriptor, max(0, size - (1 << 18)), size))
            let times = index.map(\.time)
            first = min(start?.min ?? .max, end?.min ?? .max, times.min() ?? .max)
            last = max(start?.max ?? .min, end?.max ?? .min, times.max() ?? .min)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        name = path == "-" ? "standard input" : String(path.split(separator: "/").last ?? "")
    }

    deinit { close(descriptor) }

    /// - Parameter isNamed: whether `openInput` opened it.
    private static func copy(of pipe: CInt, isNamed: Bool, _ shown: String) throws(Unusable) -> CInt {
        let file = AnonymousFile.make("hits")
        guard file >= 0 else { throw Unusable(description: "cannot make a file in memory: \(systemError())") }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        var size = 0
        while true {
            let count = size == 0 && isNamed ? readFirst(pipe, into: &bytes) : Glibc.read(pipe, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            if count == 0 { return file }
            if count < 0, errno == ETIMEDOUT {
                close(file)
                throw Unusable(description: "no process writes to the pipe \(shown); name a hits log")
            }
            size += count
            guard count > 0, size <= pipeLimit, write(file, bytes, count) == count else {
                let reason =
                    size > pipeLimit
                    ? "\(shown) has more than \(pipeLimit >> 20) MiB; write it to a file, and name the file"
                    : "cannot read \(shown): \(systemError())"
                close(file)
                throw Unusable(description: reason)
            }
        }
    }

    private static func index(_ descriptor: CInt, _ size: Int, _ shown: String) throws(Unusable) -> [(
        offset: Int, time: Int
    )] {
        var magic = [UInt8](repeating: 1, count: 4_096)
        _ = pread(descriptor, &magic, magic.count, 0)
        let isCompressed = [[0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd], [0xfd, 0x37, 0x7a, 0x58], [0x42, 0x5a, 0x68]]
            .contains { magic.starts(with: $0) }
        guard !isCompressed else {
            throw Unusable(description: "\(shown) is compressed; write zcat \(shown) | geopipe replay - or the like")
        }
        guard !magic.contains(0) else {
            throw Unusable(
                description:
                    "\(shown) is not a hits log: it has bytes of value 0; write the path of a hits log of geopipe")
        }
        var index: [(offset: Int, time: Int)] = []
        let step = max(size < smallSize ? smallStep : indexStep, size / indexLimit)
        for start in stride(from: 0, to: size, by: step) {
            var reader = Reader(descriptor, from: start, to: min(start + step, size), isAtLine: start == 0)
            guard let (line, offset) = reader.next() else { continue }
            index.append((offset, line.time))
        }
        guard !index.isEmpty else {
            throw Unusable(
                description:
                    "\(shown) has no hits; write the path of a hits log of geopipe (hits_log in the configuration), or a recording"
            )
        }
        return index
    }

    /// Returns the earliest and the latest time of some lines from an offset on.
    private static func times(_ descriptor: CInt, _ start: Int, _ size: Int) -> (min: Int, max: Int)? {
        var reader = Reader(descriptor, from: start, to: min(start + (1 << 18), size), isAtLine: start == 0)
        var times: (min: Int, max: Int)?
        while let (line, _) = reader.next() {
            times = (min(times?.min ?? .max, line.time), max(times?.max ?? .min, line.time))
        }
        return times
    }

    /// Returns a reader of the lines from a time on, in the order of the file.
    ///
    /// - Parameters:
    ///   - time: milliseconds since 1970. If the log contains it twice, because a clock was set back, the later lines
    ///     are read.
    ///   - leftOut: the lines that were left out before.
    func lines(from time: Int, leftOut: LeftOutLines = LeftOutLines()) -> Reader {
        let place = index.last { $0.time <= time - Self.disorder } ?? (0, 0)
        return Reader(descriptor, from: place.offset, to: size, isAtLine: true, file: self, leftOut: leftOut)
    }

    /// Reads lines in order, and leaves out those whose time is far from that of their neighbours.
    struct Reader {
        typealias Line = (line: HitsLine, offset: Int)

        private var source: Source
        /// The time of the previous line, and the latest of all.
        private var (previous, latest): (Int?, Int) = (nil, 0)
        /// Lines that were read ahead.
        private var ahead: [Line] = []
        /// The lines that were left out or shifted.
        var leftOut: LeftOutLines

        fileprivate init(
            _ descriptor: CInt, from start: Int, to end: Int, isAtLine: Bool, file: HitsFile? = nil,
            leftOut: LeftOutLines = LeftOutLines()
        ) {
            source = Source(descriptor, from: start, to: end, isAtLine: isAtLine, file: file)
            self.leftOut = leftOut
        }

        /// Returns the next valid line, and its offset in the file.
        mutating func next() -> Line? {
            while true {
                if ahead.isEmpty, !readAhead() { return nil }
                let line = ahead.removeFirst()
                guard !isStray(line.line.time) else {
                    leftOut.add(stray: line.offset)
                    continue
                }
                let time = line.line.time
                if time < latest - HitsFile.disorder { leftOut.add(late: line.offset) }
                (previous, latest) = (time, max(latest, time))
                return line
            }
        }

        private mutating func readAhead() -> Bool {
            guard let line = source.next(&leftOut) else { return false }
            ahead.append(line)
            return true
        }

        private static func isNear(_ a: Int, _ b: Int) -> Bool { abs(a - b) <= HitsFile.vicinity }

        /// Returns whether the time of the line before `ahead` is far from that of its neighbours. A log may have a
        /// gap, and a clock may be set: but then time does not return to where it was.
        private mutating func isStray(_ time: Int) -> Bool {
            if let previous, Self.isNear(time, previous) { return false }
            for position in 0..<HitsFile.lookAhead {
                if position == ahead.count, !readAhead() { break }
                let other = ahead[position].line.time
                if let previous {
                    if Self.isNear(other, previous) { return true }
                } else if Self.isNear(other, time) {
                    return false
                }
            }
            // Lines without neighbours may still be years off.
            guard let neighbour = previous ?? ahead.first?.line.time else { return false }
            let isAlone = !(ahead.first.map { Self.isNear($0.line.time, time) } ?? false)
            let isBack = previous == nil ? time > neighbour : time < neighbour
            return isAlone && (isBack && !ahead.isEmpty || abs(time - neighbour) > HitsFile.longestSilence)
        }
    }

    /// The lines of a part of the file.
    private struct Source {
        private let descriptor: CInt
        /// The offset up to which lines may begin.
        private let end: Int
        /// Keeps the file open.
        private let file: HitsFile?
        private var bytes: [UInt8] = []
        /// The start of the next line in `bytes`; the end of `bytes` in the file.
        private var (position, offset): (Int, Int)
        private var isAtLine: Bool
        /// Whether the beginning of the line was dropped because the line is too long.
        private var isTooLong = false

        init(_ descriptor: CInt, from start: Int, to end: Int, isAtLine: Bool, file: HitsFile?) {
            (self.descriptor, self.end, self.isAtLine, self.file) = (descriptor, end, isAtLine, file)
            (position, offset) = (0, start)
        }

        mutating func next(_ leftOut: inout LeftOutLines) -> Reader.Line? {
            while true {
                let start = offset - bytes.count + position
                guard start < end, let bytes = nextLine() else { return nil }
                if !isAtLine {
                    // The line began before the offset.
                    isAtLine = true
                    continue
                }
                if let line = HitsLine(bytes) { return (line, start) }
                if !bytes.isEmpty { leftOut.add(foreign: start) }
            }
        }

        /// Returns the next line without its end; for a line that is too long, an invalid part.
        private mutating func nextLine() -> ArraySlice<UInt8>? {
            isTooLong = false
            var searched = position
            while true {
                if let feed = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                    defer { position = feed + 1 }
                    return isTooLong ? [0] : bytes[position..<feed]
                }
                searched = bytes.count
                if isTooLong || searched - position > HitsFile.lineLimit {
                    isTooLong = true
                    position = searched
                }
                searched -= position
                bytes.removeFirst(position)
                position = 0
                // The end of this line does not matter where no other line may begin.
                if isTooLong, offset >= end {
                    defer { position = bytes.count }
                    return [0]
                }
                guard fill() else {
                    guard !bytes.isEmpty || isTooLong else { return nil }
                    defer { position = bytes.count }
                    return isTooLong ? [0] : bytes[...]
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
