import Glibc

/// Returns an absolute path. Symbolic links are not resolved. If the current directory cannot be found, returns `path`.
public func absolutePath(_ path: String) -> String {
    guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    return String(cString: folder) + "/" + path
}
