import Configuration
import Geography
import Glibc
import Image
import Platform
import State

/// The parts of an image that commands show: names, checks and the inputs that it was compiled from.
///
/// Reading it does not touch zones or address tables, so its cost does not depend on the number of records. The checksum is
/// verified only on request.
public struct ImageSummary: Sendable {
    /// The content id: 16 hexadecimal digits.
    public let id: String
    /// The size of the file.
    public let bytes: Int
    /// What the image was made from.
    public let manifest: Manifest
    /// By number.
    public let datacenterNames: [String]
    /// By position in the configuration.
    public let serviceNames: [String]
    /// The checks of each service, by its position in the configuration; `nil` for a service without checks.
    public let checkedServices: [CheckedService?]
    /// All checked addresses.
    public let healthTargets: [HealthTarget]
    private let image: Image

    /// Reads the file at `path`.
    ///
    /// - Parameters:
    ///   - owners: the users whose files are trusted.
    ///   - isSummed: whether to verify the checksum, which reads the whole file.
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

    /// The places of clients, without coordinates; the unknown place is one of them. `nil` if the image's places
    /// cannot be read.
    public var places: Set<ClientPlace>? {
        guard var section = try? image.section(.places) else { return nil }
        return try? withExtendedLifetime(image) { () throws(MalformedColumns) in try PlaceIndex.places(from: &section) }
    }
}

extension ImageStore {
    /// Returns the summary of the image in force, and when it came into force, in seconds since 1970; `nil` if there
    /// is none.
    public func currentSummary() throws(Image.Refusal) -> (summary: ImageSummary, since: Int)? {
        let trusted = trustedToLook
        // A newer image may replace this one meanwhile, and this one may be removed.
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

    /// Returns the summary of a rollout's new image.
    ///
    /// - Parameter isSummed: whether to verify the checksum, which reads the whole file.
    public func candidateSummary(of rollout: String, isSummed: Bool = false) throws(Image.Refusal) -> ImageSummary {
        try ImageSummary(path: candidateFile(of: rollout), owners: trustedToLook, isSummed: isSummed)
    }

    /// The users whose images may be read for display. The owner of the state directory is one of them, since no
    /// answer comes from these images.
    private var trustedToLook: Set<uid_t> {
        var trusted = owners
        var status = stat()
        if stat(state.path, &status) == 0 { trusted.insert(status.st_uid) }
        return trusted
    }
}
