import CProcess
import DNS
import PipeProtocol

/// What the handler of a fault needs to know of the dialogue with pdns: the question that a fault would leave without an
/// answer, and the version that the dialogue goes on with after a restart.
package enum FaultRecord {
    /// Tells that a line has been read that needs an answer.
    ///
    /// - Parameter line: stays valid until `endAnswers`; `nil` if it was too long to keep.
    @inlinable @inline(__always)
    package static func beginAnswer(_ line: UnsafeBufferPointer<UInt8>?) {
        fault_begin_answer(line?.baseAddress, line?.count ?? 0)
    }

    /// Tells where what has been read ends.
    @inlinable @inline(__always)
    package static func setInput(end: UnsafePointer<UInt8>?) { fault_set_input_end(end) }

    /// Tells that all lines that were read have their answers.
    @inlinable @inline(__always)
    package static func endAnswers() { fault_end_answers() }

    /// The version of the dialogue, if there is one.
    package static var version: ABIVersion? { ABIVersion(Int(fault_dialogue_version())) }

    /// Tells that there is a dialogue which can be gone on with.
    package static func setVersion(_ version: ABIVersion) { fault_set_dialogue_version(CInt(version.number)) }
}
