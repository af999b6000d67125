import Synchronization

/// Passes one value from a thread to another. Neither thread ever waits.
final class Mailbox<Value: AnyObject & Sendable>: Sendable {
    /// An unmanaged reference that the mailbox owns; 0 if it is empty.
    private let place = Atomic<UInt>(0)

    deinit { _ = take() }

    /// Puts `value` in the mailbox. A value that was not taken is released.
    func leave(_ value: Value) {
        let reference = UInt(bitPattern: Unmanaged.passRetained(value).toOpaque())
        release(place.exchange(reference, ordering: .acquiringAndReleasing))
    }

    /// Takes the value out of the mailbox; `nil` if it is empty.
    func take() -> Value? { value(place.exchange(0, ordering: .acquiringAndReleasing)) }

    /// Whether the mailbox has a value. One relaxed load.
    @inline(__always)
    var isFull: Bool { place.load(ordering: .relaxed) != 0 }

    private func value(_ reference: UInt) -> Value? {
        guard let pointer = UnsafeRawPointer(bitPattern: reference) else { return nil }
        return Unmanaged<Value>.fromOpaque(pointer).takeRetainedValue()
    }

    private func release(_ reference: UInt) { _ = value(reference) }
}
