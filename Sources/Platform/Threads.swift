import CLinux
import Glibc
import Synchronization

/// Runs `body` in a new detached thread; false if none can be started.
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

/// The number of threads that this process may keep busy: the number of usable cores, or one if the process has a low
/// priority.
public var coresToUse: Int { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) > 0 ? 1 : Int(usable_cores()) }

/// Calls `transform` for all elements, in several threads at the same time.
///
/// - Parameter threads: the number of threads, including this one.
/// - Returns: the results, in the order of the elements.
public func mapInThreads<Element: Sendable, Result>(
    _ elements: [Element], threads: Int, _ transform: (Element) -> Result
) -> [Result] {
    guard threads > 1, elements.count > 1 else { return elements.map(transform) }
    return withoutActuallyEscaping(transform) { transform in
        let work = SharedWork(elements, transform)
        var helpers: [pthread_t] = []
        for _ in 1..<min(threads, elements.count) {
            var thread = pthread_t()
            // If no thread can be started, the others do its part.
            guard
                pthread_create(
                    &thread, nil,
                    { work in
                        let stack = FaultStack.make()
                        Unmanaged<AnyWork>.fromOpaque(work!).takeUnretainedValue().run()
                        FaultStack.free(stack)
                        return nil
                    }, Unmanaged<AnyWork>.passUnretained(work).toOpaque()) == 0
            else { break }
            helpers.append(thread)
        }
        work.run()
        for thread in helpers { pthread_join(thread, nil) }
        return work.takeResults()
    }
}

/// `SharedWork` of any type, for pthread_create(3).
private class AnyWork {
    func run() {}
}

/// A list of elements. Each thread takes the next element that no other thread has taken.
private final class SharedWork<Element, Result>: AnyWork {
    private let elements: [Element]
    private let transform: (Element) -> Result
    private let results: UnsafeMutablePointer<Result>
    private let next = Atomic(0)

    init(_ elements: [Element], _ transform: @escaping (Element) -> Result) {
        self.elements = elements
        self.transform = transform
        results = .allocate(capacity: elements.count)
    }

    override func run() {
        while case let position = next.add(1, ordering: .relaxed).oldValue, position < elements.count {
            (results + position).initialize(to: transform(elements[position]))
        }
    }

    /// Returns the results. Call it after all threads have ended.
    func takeResults() -> [Result] {
        let all = UnsafeMutableBufferPointer(start: results, count: elements.count)
        defer {
            all.deinitialize()
            all.deallocate()
        }
        return Array(all)
    }
}

/// The alternate signal stack of a thread, on which it handles faults: its own stack may have overflowed
/// (sigaltstack(2)).
public enum FaultStack {
    private static let byteCount = 65_536

    /// Gives this thread an alternate signal stack.
    ///
    /// - Returns: the stack, for `free`; a thread that lives as long as the process need not free it.
    @discardableResult
    public static func make() -> UnsafeMutableRawPointer? {
        var stack = stack_t(ss_sp: malloc(byteCount), ss_flags: 0, ss_size: byteCount)
        sigaltstack(&stack, nil)
        return stack.ss_sp
    }

    /// Frees the stack of this thread before it ends.
    public static func free(_ memory: UnsafeMutableRawPointer?) {
        var none = stack_t(ss_sp: nil, ss_flags: CInt(SS_DISABLE), ss_size: 0)
        sigaltstack(&none, nil)
        Glibc.free(memory)
    }
}
