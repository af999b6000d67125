import CLinux
import Glibc
import Platform

/// What root does in a state directory that another user owns: no more than that user could.
extension StateDirectory {
    /// A user, and the group of the folder that tells who it is.
    package struct Owner {
        package var user: uid_t
        var group: gid_t
    }

    /// Whose rights root has in the folder, if this is root: its owner's, or those of the user who could put another folder in its place.
    /// `nil` if that is root, or this is not.
    package var foreignOwner: Owner? {
        guard geteuid() == 0 else { return nil }
        var status = stat()
        if stat(path, &status) == 0, status.st_uid != 0 { return Owner(user: status.st_uid, group: status.st_gid) }
        // All that is above it, and what the links there lead to.
        var owner: Owner?
        for folder in Self.wayTo(absolutePath(path)) {
            for place in [folder] + Self.wayTo(realPath(folder)) {
                guard lstat(place, &status) == 0, status.st_uid != 0 else { continue }
                owner = Owner(user: status.st_uid, group: status.st_gid)
            }
        }
        return owner
    }

    /// The paths of all folders from the root of the file system to a path, which is the last one.
    private static func wayTo(_ path: String) -> [String] {
        var folder = ""
        return path.split(separator: "/").map { name in
            folder += "/" + name
            return folder
        }
    }

    /// Does something with the rights of `foreignOwner`, if there is one.
    ///
    /// What is made belongs to the owner, who can replace it later; and a link that the owner has put into the folder leads
    /// root nowhere where the owner could not go. Holds for this thread alone, and for files alone (setfsuid(2)).
    ///
    /// - Parameter hasAllGroups: whether it has the rights of all groups that the user is in, and not of the folder's alone.
    public func asOwner<Value>(
        hasAllGroups: Bool = false, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard let owner = foreignOwner else { return try body() }
        var groups = [gid_t](repeating: 0, count: Int(max(0, getgroups(0, nil))))
        getgroups(CInt(groups.count), &groups)
        let others = hasAllGroups ? Self.groups(of: owner) : [owner.group]
        // Where that is not allowed, as in some containers, root has no groups to lose.
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
        // It says nothing of its failure; with no user it changes nothing.
        guard setfsuid(uid_t.max) == CInt(bitPattern: owner.user) else {
            throw Failure(
                description:
                    "cannot use \(path) with the rights of its owner, user \(owner.user): this process may not change its user (it lacks CAP_SETUID, or has a user namespace without that user); run this as that user"
            )
        }
        return try body()
    }

    private static func groups(of owner: Owner) -> [gid_t] {
        guard let user = getpwuid(owner.user) else { return [owner.group] }
        var count: CInt = 1 << 10
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(user.pointee.pw_name, owner.group, &groups, &count) >= 0 else { return [owner.group] }
        return Array(groups.prefix(Int(count)))
    }
}
