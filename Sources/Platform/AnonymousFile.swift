import CLinux

/// Memory of this process in a file without name (memfd_create(2)), which a process that it starts can write to.
public enum AnonymousFile {
    /// An empty file, for the caller to close.
    ///
    /// - Returns: -1 if there is none to be had; errno says why.
    public static func make(_ name: String) -> CInt { memfd_create(name, UInt32(memfd_cloexec)) }
}
