import Configuration
import Geography
import Glibc
import Image
import Platform
import State

/// What an image says of itself, as far as it is shown: names, checks and what it was made from.
///
/// Reading it does not touch zones or address tables, so its cost does not depend on the number of records. The checksum is
/// verified only on request.
public struct ImageSummary: Sendable {
    /// The content id: 16 hexadecimal digits.
    public let id: String
    /// The size of the file.
    public let bytes: Int
    public let manifest: Manifest
    /// By number.
    public let datacenterNames: [String]
    /// By position in the configuration.
    public let serviceNames: [String]
    /// By position in the configuration, what of a service is checked.
    public let checkedServices: [CheckedService?]
    /// All addresses that are checked.
    public let healthTargets: [HealthTarget]
    private let image: Image

    /// Reads the file at `path`.
    ///
    /// - Parameters:
    ///   - owners: the users whose files are trusted.
    ///   - isSummed: whether the checksum is verified, for which all of the file is read.
    public init(path: String, owners: Set<uid_t>, isSummed: Bool = false) throws(Image.Refusal) {
        let image = try Image(path: path, owners: owners, isSummed: isSummed)
        self.image = image
        do {
            id = image.id
            bytes = image.bytes.count
            var section = try image.section(.manifest)
            manifest = try Manifest(from: &section)
            section = try image.section(.names)
            datacenterNames = try section.readTexts()
            serviceNames = try section.readTexts()
            section = try image.section(.checks)
            let checks = try CheckTable.read(
                from: &section, serviceCount: serviceNames.count, datacenterCount: datacenterNames.count)
            (checkedServices, healthTargets) = (checks.services, checks.targets)
        } catch {
            throw Image.Refusal("\(path) is damaged: \(error)")
        }
    }

    /// The places that clients are in, without coordinates; one of which nothing is known is among them. `nil` if the image does not
    /// say.
    public var places: Set<ClientPlace>? {
        guard var section = try? image.section(.places) else { return nil }
        return try? withExtendedLifetime(image) { () throws(MalformedColumns) in try PlaceIndex.places(from: &section) }
    }
}

extension ImageStore {
    /// What the image in force says of itself, and since when it is in force, in seconds since 1970; `nil` if there is none.
    public func currentSummary() throws(Image.Refusal) -> (summary: ImageSummary, since: Int)? {
        let trusted = trustedToLook
        // A newer image may take its place meanwhile, and this one may be removed.
        for _ in 0..<3 {
            guard let name = currentName else { return nil }
            var status = stat()
            let since = lstat(currentLink, &status) == 0 ? status.st_mtim.tv_sec : 0
            do {
                return (try ImageSummary(path: folder + "/" + name, owners: trusted), since)
            } catch  where error.isMissing && currentName != name {
                continue
            }
        }
        return nil
    }

    /// What the new image of a rollout says of itself.
    ///
    /// - Parameter isSummed: whether the checksum is verified, for which all of the file is read.
    public func candidateSummary(of rollout: String, isSummed: Bool = false) throws(Image.Refusal) -> ImageSummary {
        try ImageSummary(path: candidateFile(of: rollout), owners: trustedToLook, isSummed: isSummed)
    }

    /// The users whose images may be looked at. Nothing is answered from them: that one is the state directory's owner's is enough.
    private var trustedToLook: Set<uid_t> {
        var trusted = owners
        var status = stat()
        if stat(state.path, &status) == 0 { trusted.insert(status.st_uid) }
        return trusted
    }
}
