import CProcess

/// The arguments of this process, the name of the program first. Swift's `CommandLine` is empty if there is no /proc,
/// as in many chroots.
public let processArguments: [String] = {
    let arguments = process_arguments()
    return (0..<Int(process_argument_count())).compactMap { place in
        arguments?[place].map { String(cString: $0) }
    }
}()
