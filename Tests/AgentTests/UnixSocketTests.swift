import Foundation
import State
import Support
import Testing

@testable import geopipe_agent

@Suite("A socket in a folder")
struct UnixSocketTests {
    @Test("replaces a socket, and nothing else", arguments: [false, true])
    func place(isInState: Bool) throws {
        let folder = try Folder()
        let directory = isInState ? StateDirectory(path: folder.path) : nil
        let path = "\(folder.path)/a.sock"
        for _ in 0..<2 {
            close(try UnixSocket.bind(SOCK_DGRAM, at: path, in: directory))
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK)
        }
        let file = try folder.write(Array("precious".utf8), to: "file")
        let link = "\(folder.path)/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        for other in [file, link, folder.path] {
            let failure = #expect(throws: UnixSocket.Failure.self) {
                try UnixSocket.bind(SOCK_STREAM, at: other, in: directory)
            }
            #expect(failure?.description.contains("other than a socket") == true)
            #expect(UnixSocket.reasonAgainst(other) != nil)
        }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "precious")
        var status = stat()
        #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    }

    @Test("on the command line must not be one on which a program listens")
    func listener() throws {
        let folder = try Folder()
        let path = "\(folder.path)/a.sock"
        #expect(UnixSocket.reasonAgainst(path) == nil)
        let socket = try UnixSocket.bind(SOCK_STREAM, at: path, in: nil)
        #expect(UnixSocket.reasonAgainst(path) == nil)
        try #require(listen(socket, 1) == 0)
        #expect(UnixSocket.reasonAgainst(path)?.contains("listens") == true)
        close(socket)
        #expect(UnixSocket.reasonAgainst(path) == nil)
        let datagrams = try UnixSocket.bind(SOCK_DGRAM, at: path, in: nil)
        #expect(UnixSocket.reasonAgainst(path)?.contains("listens") == true)
        close(datagrams)
        #expect(UnixSocket.reasonAgainst(path) == nil)
    }
}
