import Glibc

/// Runs `body` in a thread of its own; false if there cannot be one.
@discardableResult
public func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(Body(body)).toOpaque()
    let result = pthread_create(
        &thread, nil,
        { argument in
            let stack = FaultStack.make()
            Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
            FaultStack.free(stack)
            return nil
        }, argument)
    if result == 0 { pthread_detach(thread) } else { Unmanaged<Body>.fromOpaque(argument).release() }
    return result == 0
}

/// The stack that a thread handles faults on: its own may be used up (sigaltstack(2)).
public enum FaultStack {
    private static let byteCount = 65_536

    /// Gives this thread one.
    ///
    /// - Returns: the stack, for `free`; a thread that ends with its process need not free it.
    @discardableResult
    public static func make() -> UnsafeMutableRawPointer? {
        var stack = stack_t(ss_sp: malloc(byteCount), ss_flags: 0, ss_size: byteCount)
        sigaltstack(&stack, nil)
        return stack.ss_sp
    }

    /// Takes it from this thread, which ends.
    public static func free(_ memory: UnsafeMutableRawPointer?) {
        var none = stack_t(ss_sp: nil, ss_flags: CInt(SS_DISABLE), ss_size: 0)
        sigaltstack(&none, nil)
        Glibc.free(memory)
    }
}
