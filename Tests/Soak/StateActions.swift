import Foundation
import struct Support.SeededGenerator

/// Actions on the state directory.
extension Director {
    /// Replaces the switch file with something else, and restores it.
    func corruptSwitches() throws {
        let path = site.state + "/switches"
        guard let good = FileManager.default.contents(atPath: path) else { return }
        let damage = random.one(of: Damage.allCases)
        journal.note("corrupt the switches", "\(damage)")
        try damage.inflict(on: path, good: good, isInPlace: random.once(in: 2))
        pause(0...2_000)
        if random.once(in: 4), broken.isEmpty { try takeOver() }
        journal.note("put the switches back")
        try place(good, at: path, isInPlace: false)
    }

    func corruptOtherState() throws {
        let names =
            ["takeover.lock", "coprocesses"] + coprocesses.map { "coprocesses/\($0)" }
            + (agent == nil ? [] : ["health", "health", "health", "agent.sock"])
        let path = "\(site.state)/\(random.one(of: names))"
        let damage = random.one(of: Damage.allCases)
        journal.note("corrupt", "\(path.dropFirst(site.state.count + 1)) \(damage)")
        rollouts.mayEnd()
        let good = FileManager.default.contents(atPath: path)
        try damage.inflict(on: path, good: good ?? Data("none".utf8), isInPlace: random.once(in: 2))
        pause(0...2_000)
        if let good, path.hasSuffix("health") { try place(good, at: path, isInPlace: false) } else { remove(path) }
    }

    /// Moves the state directory away for a while: drains must stay.
    func loseState() throws {
        journal.note("take the state directory away")
        rollouts.mayEnd()
        let (path, lost) = (site.state, site.folder + "/disk/lost")
        guard rename(path, lost) == 0 else { throw Failure("cannot move \(path)") }
        pause(0...4_000)
        journal.note("put the state directory back")
        rollouts.mayEnd()
        // A process may have made a new one, and may be about to write into it.
        let deadline = now() + 10_000_000_000
        while rename(lost, path) != 0 {
            guard now() < deadline else { throw Failure("cannot move \(lost)") }
            remove(path)
        }
        hangUp()
    }

    /// Damages or removes images, the link to the one in force, the report of the last compilation or the lock.
    ///
    /// Files are replaced, and no mapped file is written to: only the owner of an image can do that, and it would
    /// change the mapped image.
    func disturbImages() throws {
        let folders = site.state + "/images"
        guard let name = try? FileManager.default.contentsOfDirectory(atPath: folders).first else { return }
        let folder = "\(folders)/\(name)"
        let images = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
            $0.hasSuffix(".image")
        }
        guard let newest = images.max() else { return }
        // The image of the new side may be one of them.
        try rollouts.end()
        // Damaged files are repaired at some time, and changes in between wait for that.
        oracle.filesChange(isBroken: true)
        let damage = random.one(of: Damage.allCases)
        var mended: String?
        switch random.number(0...6) {
        case 0, 1:
            journal.note("damage the image in force", "\(damage)")
            try self.damage("\(folder)/\(newest)", damage)
            hasImage = hasImage && images.count > 1
        case 2:
            journal.note("damage all images", "\(damage)")
            for image in images { try self.damage("\(folder)/\(image)", damage) }
            hasImage = false
        case 3:
            journal.note("take all images away")
            remove(folders)
            hasImage = false
        default:
            mended = folder + random.one(of: ["/current", "/report", "/lock"])
            journal.note("damage", "\(mended!.dropFirst(folder.count + 1)) \(damage)")
            try self.damage(mended!, damage)
        }
        pause(0...2_000)
        switch random.number(0...3) {
        case 0: try startAnother()
        case 1: try startAnotherForLong()
        case 2 where !hasImage: try takeOver()
        default: break
        }
        if let mended { remove(mended) }
        hangUp()
    }

    private func damage(_ path: String, _ damage: Damage) throws {
        let good = (try? Data(contentsOf: URL(filePath: path))) ?? Data("none".utf8)
        try damage.inflict(on: path, good: good, isInPlace: false)
    }
}
