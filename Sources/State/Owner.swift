import CLinux
import Glibc
import Platform

/// Access of root to a state directory that another user owns: never more than that user has.
extension StateDirectory {
    /// A user, and the group of the user's folder.
    package struct Owner {
        package var user: uid_t
        var group: gid_t
        /// The folder that belongs to the user: the state directory, or one above it.
        package var folder: String
    }

    /// The user whose rights root takes in the folder: its owner, or the user who could replace the folder. `nil` if
    /// that is root, or if this process is not root's.
    package var foreignOwner: Owner? {
        guard geteuid() == 0 else { return nil }
        var status = stat()
        if stat(path, &status) == 0, status.st_uid != 0 {
            return Owner(user: status.st_uid, group: status.st_gid, folder: path)
        }
        // All folders above it, and the targets of links among them.
        var owner: Owner?
        for folder in Self.wayTo(absolutePath(path)) {
            for place in [folder] + Self.wayTo(realPath(folder)) {
                guard lstat(place, &status) == 0, status.st_uid != 0 else { continue }
                owner = Owner(user: status.st_uid, group: status.st_gid, folder: place)
            }
        }
        return owner
    }

    /// Returns the paths of all folders from the root to a path, which is the last one.
    private static func wayTo(_ path: String) -> [String] {
        var folder = ""
        return path.split(separator: "/").map { name in
            folder += "/" + name
            return folder
        }
    }

    /// Runs `body` with the rights of `foreignOwner`, if there is one.
    ///
    /// New files belong to the owner, who can replace them later. A link in the folder leads root only to files that
    /// the owner could reach. Affects only this thread, and only access to files (setfsuid(2)).
    ///
    /// - Parameter hasAllGroups: whether to take the rights of all groups of the user, not only of the folder's
    ///   group.
    public func asOwner<Value>(
        hasAllGroups: Bool = false, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard let owner = foreignOwner else { return try body() }
        var groups = [gid_t](repeating: 0, count: Int(max(0, getgroups(0, nil))))
        getgroups(CInt(groups.count), &groups)
        let others = hasAllGroups ? Self.groups(of: owner) : [owner.group]
        // In some containers this is not permitted; root has no other groups there.
        let hasOtherGroups = set_groups_of_thread(others.count, others) == 0
        let group = setfsgid(owner.group)
        let user = setfsuid(owner.user)
        defer {
            let reason = errno
            setfsuid(uid_t(user))
            setfsgid(gid_t(group))
            if hasOtherGroups { _ = set_groups_of_thread(groups.count, groups) }
            errno = reason
        }
        // setfsuid does not report failures. Called with an invalid user, it changes nothing and returns the current
        // one.
        guard setfsuid(uid_t.max) == CInt(bitPattern: owner.user) else {
            throw Failure(
                description:
                    "cannot use \(path) with the rights of its owner, user \(owner.user): this process may not change its user (it lacks CAP_SETUID, or has a user namespace without that user); run this as that user"
            )
        }
        do {
            return try body()
        } catch {
            throw explained(error)
        }
    }

    /// Returns the failure that the folder cannot be written, with the reason in `errno`.
    func cannotWrite() -> Failure { explained(Failure("write to", path)) }

    /// Adds the remedy to a failure, if root has fewer rights in the folder because of a folder above it.
    private func explained(_ failure: Failure) -> Failure {
        guard let owner = foreignOwner, owner.folder != path else { return failure }
        return Failure(
            description:
                "\(failure.description); root uses \(path) with the rights of user \(owner.user), because \(owner.folder) belongs to that user, who could replace the state directory: give that folder to root (chown), or choose another state_directory"
        )
    }

    private static func groups(of owner: Owner) -> [gid_t] {
        guard let user = getpwuid(owner.user) else { return [owner.group] }
        var count: CInt = 1 << 10
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(user.pointee.pw_name, owner.group, &groups, &count) >= 0 else { return [owner.group] }
        return Array(groups.prefix(Int(count)))
    }
}
