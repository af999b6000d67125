import CProcess

/// The arguments of this process, the name of its program first. Swift's own `CommandLine` has none where there is no /proc, as in
/// many a chroot.
public let processArguments: [String] = {
    let arguments = process_arguments()
    return (0..<Int(process_argument_count())).compactMap { place in
        arguments?[place].map { String(cString: $0) }
    }
}()
