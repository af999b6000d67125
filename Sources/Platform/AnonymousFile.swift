import CLinux

/// A file in memory without a name (memfd_create(2)), which child processes can inherit.
public enum AnonymousFile {
    /// Makes an empty file, which the caller must close.
    ///
    /// - Returns: the descriptor; -1 on an error, with the reason in `errno`.
    public static func make(_ name: String) -> CInt { memfd_create(name, UInt32(memfd_cloexec)) }
}
