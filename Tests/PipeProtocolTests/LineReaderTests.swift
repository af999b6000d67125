import Glibc
import Testing

@testable import PipeProtocol

@Suite("Line reader")
struct LineReaderTests {
    @Test(
        "lines end with LF, CR LF, or the end of the input",
        arguments: [
            ("a\nb\n", ["a", "b"]), ("a\r\nb\r\n", ["a", "b"]), ("a\nb", ["a", "b"]), ("a\nb\r", ["a", "b"]), ("", []),
            ("\n", [""]),
            ("\n\r\n", ["", ""]), ("a\rb\n", ["a\rb"]),
        ])
    func ends(input: String, lines: [String]) {
        #expect(read([input]) == lines)
        #expect(read(input.map(String.init)) == lines)
    }

    @Test("a line of 64 KiB is kept; a longer one is dropped, but not the next one")
    func limit() {
        let longest = String(repeating: "x", count: 65_536)
        #expect(read(["\(longest)\nnext\n"]) == [longest, "next"])
        #expect(read(["\(longest)\r\nnext\n"]) == [longest, "next"])
        #expect(read(["\(longest)x\nnext\n"]) == [nil, "next"])
        #expect(read(["first\n\(longest)\(longest)\(longest)\(longest)\nnext"]) == ["first", nil, "next"])
        #expect(read(["first\n\(longest)x"]) == ["first", nil])
        #expect(read([longest, longest, longest, "\n", "next\n"]) == [nil, "next"])
    }

    @Test("all lines of one read are returned before the next read")
    func whatHasCome() {
        var ends: [CInt] = [0, 0]
        #expect(pipe(&ends) == 0)
        write(ends[1], "a\nb\nc", 5)
        var reader = LineReader(descriptor: ends[0])
        var seen: [String] = []
        func look() {
            seen.append(text(reader.next()) ?? "none")
        }
        func more() {
            seen.append(reader.read() ? "more" : "end")
        }
        look()
        more()
        look()
        look()
        look()
        close(ends[1])
        more()
        look()
        look()
        more()
        #expect(seen == ["none", "more", "a", "b", "none", "more", "c", "none", "end"])
        close(ends[0])
    }

    @Test("a non-blocking input is waited for, and an unreadable one ends the input")
    func unusual() {
        #expect(read(["a\n", "b\n"], nonBlocking: true) == ["a", "b"])
        var closed = LineReader(descriptor: -1)
        let isOpen = closed.read()
        #expect(!isOpen)
    }

    @Test("the reader yields the processor until there is input, the input ends, or the time is over")
    func yieldCPU() {
        var ends: [CInt] = [0, 0]
        #expect(pipe(&ends) == 0)
        var reader = LineReader(descriptor: ends[0])
        var looks = 0
        func look(_ most: Int) -> WaitPolicy.Arrival {
            looks = 0
            return reader.yieldCPU {
                looks += 1
                if looks == 3 { write(ends[1], "a\n", 2) }
                return looks <= most
            }
        }
        #expect(look(2) == .asleep)
        #expect(looks == 3)
        #expect(look(5) == .atOnce, "input after the last poll is not lost")
        #expect(looks == 0, "if there is input already, the time does not matter")
        let isOpen = reader.read()
        #expect(isOpen)
        #expect(text(reader.next()) == "a")
        #expect(look(5) == .awake)
        #expect(looks == 3)
        close(ends[1])
        let hasMore = reader.read()
        #expect(hasMore)
        #expect(text(reader.next()) == "a")
        #expect(look(0) == .atOnce, "the end of the input counts as input")
        let isStillOpen = reader.read()
        #expect(!isStillOpen)
        #expect(fcntl(ends[0], F_GETFL) & O_NONBLOCK == 0)
        close(ends[0])
    }

    /// Returns the lines of an input that comes in pieces; `nil` for a line that was too long.
    private func read(_ pieces: [String], nonBlocking: Bool = false) -> [String?] {
        var ends: [CInt] = [0, 0]
        guard pipe(&ends) == 0 else { return ["no pipe"] }
        if nonBlocking { _ = fcntl(ends[0], F_SETFL, O_NONBLOCK) }
        let output = ends[1]
        let writer = Thread {
            for piece in pieces {
                usleep(nonBlocking ? 20_000 : 100)
                var bytes = Array(piece.utf8)[...]
                while !bytes.isEmpty {
                    let count = bytes.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
                    guard count > 0 else { break }
                    bytes = bytes.dropFirst(count)
                }
            }
            close(output)
        }
        var reader = LineReader(descriptor: ends[0])
        var lines: [String?] = []
        repeat {
            while let line = reader.next() { lines.append(text(line)) }
        } while reader.read()
        writer.join()
        close(ends[0])
        return lines
    }
}

private func text(_ line: LineReader.Line?) -> String? {
    guard case .text(let bytes) = line else { return nil }
    return String(decoding: bytes, as: UTF8.self)
}

/// A thread that can be joined.
private struct Thread {
    private var handle = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Box(body))
        pthread_create(
            &handle, nil,
            { argument in
                Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
    }

    func join() { pthread_join(handle, nil) }

    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
