/// The result of compiling a zone.
struct CompiledZone {
    /// The compiled content, which the owner must deallocate; `nil` if there are errors.
    var image: UnsafeRawBufferPointer?
    var problems: [ZoneDiagnostic]
    /// The files that the zone was made from, with their states.
    var inputs: [ZoneInput]
    /// The files that could not be read.
    var missing: [String]
    /// A warning that the zone has changed, but not its serial. It is separate, because it is not repeated for an
    /// unchanged zone.
    var serialWarning: ZoneDiagnostic?
}
