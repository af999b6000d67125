import Synchronization

/// A place where one thread leaves something and another takes it. Neither ever waits for the other.
final class Mailbox<Value: AnyObject & Sendable>: Sendable {
    /// An unmanaged reference, which the place owns; 0 if nothing is there.
    private let place = Atomic<UInt>(0)

    deinit { _ = take() }

    /// Leaves `value`, in place of what was left before and never taken.
    func leave(_ value: Value) {
        let reference = UInt(bitPattern: Unmanaged.passRetained(value).toOpaque())
        release(place.exchange(reference, ordering: .acquiringAndReleasing))
    }

    /// What was left last; `nil` if nothing was since.
    func take() -> Value? { value(place.exchange(0, ordering: .acquiringAndReleasing)) }

    /// Whether something is there. It costs hardly anything to look.
    @inline(__always)
    var isFull: Bool { place.load(ordering: .relaxed) != 0 }

    private func value(_ reference: UInt) -> Value? {
        guard let pointer = UnsafeRawPointer(bitPattern: reference) else { return nil }
        return Unmanaged<Value>.fromOpaque(pointer).takeRetainedValue()
    }

    private func release(_ reference: UInt) { _ = value(reference) }
}
