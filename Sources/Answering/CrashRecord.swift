import CProcess
import DNS
import Glibc
import PipeProtocol

/// Records the state of the dialogue with pdns for the crash handler: the question that a fault would leave without
/// an answer, and the protocol version with which the dialogue resumes after a restart.
package enum CrashRecord {
    /// Records that a line has been read that needs an answer.
    ///
    /// - Parameter line: a part of the buffer given to `setInput`; the end of the line if it was too long to keep.
    @inlinable @inline(__always)
    package static func beginAnswer(_ line: UnsafeBufferPointer<UInt8>) {
        fault_begin_answer(line.baseAddress, line.count)
    }

    /// Records that a part of the current answer has been sent, and with it all answers before it. After a fault the current question
    /// is refused, so no other answer may begin before `endAnswers`.
    package static func partSent() { fault_part_sent() }

    /// Records the bytes that were read and have no answer yet. They must stay valid until the next call.
    @inlinable @inline(__always)
    package static func setInput(_ input: UnsafeBufferPointer<UInt8>) {
        fault_set_input(input.baseAddress, input.baseAddress.map { $0 + input.count })
    }

    /// Records that all lines that were read have their answers.
    @inlinable @inline(__always)
    package static func endAnswers() { fault_end_answers() }

    /// The environment variable that names the images whose first read caused a fault in the answering thread, with a
    /// comma before and after each. Compilers inherit it.
    package static let unfitVariable = "GEOPIPE_UNFIT"

    /// Whether an image must be skipped because reading it caused a fault before the program was restarted.
    package static func isUnfit(image path: String) -> Bool {
        guard let names = getenv(unfitVariable) else { return false }
        return strstr(names, ",\(fileName(path)),") != nil
    }

    /// Runs `body`, which reads an image for the first time. If it faults, the restarted program leaves this image out.
    package static func reading<Content, Failure>(
        image path: String, _ body: () throws(Failure) -> Content
    ) throws(Failure) -> Content {
        fault_set_reading(fileName(path))
        defer { fault_set_reading("") }
        return try body()
    }

    private static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }

    /// The protocol version of the dialogue; `nil` before the handshake.
    package static var version: ABIVersion? { ABIVersion(Int(fault_dialogue_version())) }

    /// Records that a dialogue has begun that a restarted program can resume.
    package static func setVersion(_ version: ABIVersion) { fault_set_dialogue_version(CInt(version.number)) }
}
