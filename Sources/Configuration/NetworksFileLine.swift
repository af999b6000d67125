import Glibc

/// A line of a networks file that is not blank: a network and its destination. Lines are read as bytes: a file may have
/// a million lines, and CR LF is one Character.
struct NetworksFileLine {
    /// Counted from 1.
    let number: Int
    /// The whole line, without its line end.
    let bytes: UnsafeBufferPointer<UInt8>
    let network: UnsafeBufferPointer<UInt8>
    let destination: UnsafeBufferPointer<UInt8>

    /// Calls `body` with each line of a file, except blank lines and comments.
    static func forEach(in file: UnsafeBufferPointer<UInt8>, _ body: (NetworksFileLine) -> Void) {
        guard let start = file.baseAddress else { return }
        var (number, position) = (1, 0)
        while position < file.count {
            let end =
                memchr(start + position, CInt(UInt8(ascii: "\n")), file.count - position).map {
                    UnsafeRawPointer(start).distance(to: UnsafeRawPointer($0))
                } ?? file.count
            let line = UnsafeBufferPointer(rebasing: file[position..<end])
            if let line = NetworksFileLine(number: number, line) { body(line) }
            number += 1
            position = end + 1
        }
    }

    private init?(number: Int, _ bytes: UnsafeBufferPointer<UInt8>) {
        func isBlank(_ position: Int) -> Bool {
            bytes[position] == 0x20 || bytes[position] == 0x09 || bytes[position] == 0x0d
        }
        var (start, end) = (0, 0)
        while end < bytes.count, bytes[end] != UInt8(ascii: "#") { end += 1 }
        while start < end, isBlank(start) { start += 1 }
        while start < end, isBlank(end - 1) { end -= 1 }
        guard start < end else { return nil }
        var blank = start
        while blank < end, !isBlank(blank) { blank += 1 }
        var next = blank
        while next < end, isBlank(next) { next += 1 }
        self.number = number
        self.bytes = bytes
        network = UnsafeBufferPointer(rebasing: bytes[start..<blank])
        destination = UnsafeBufferPointer(rebasing: bytes[next..<end])
    }

    /// Returns the column of a part of the line, counted from 1.
    func column(of part: UnsafeBufferPointer<UInt8>) -> Int {
        let before = bytes.baseAddress!.distance(to: part.baseAddress!)
        return String(decoding: bytes[..<before], as: UTF8.self).count + 1
    }
}
