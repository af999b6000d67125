/// Whether `text` is `mnemonic`, without regard to case.
func equals(_ text: UnsafeBufferPointer<UInt8>, _ mnemonic: StaticString) -> Bool {
    text.count == mnemonic.utf8CodeUnitCount
        && text.indices.allSatisfy { lowerCase(text[$0]) == lowerCase(mnemonic.utf8Start[$0]) }
}

/// The mnemonics of DNSSEC algorithms (IANA: DNSSEC Algorithm Numbers).
let dnssecAlgorithms: KeyValuePairs<StaticString, UInt64> = [
    "RSAMD5": 1, "DH": 2, "DSA": 3, "RSASHA1": 5, "DSA-NSEC3-SHA1": 6, "NSEC3DSA": 6, "RSASHA1-NSEC3-SHA1": 7,
    "NSEC3RSASHA1": 7, "RSASHA256": 8, "RSASHA512": 10, "ECC-GOST": 12, "ECCGOST": 12, "ECDSAP256SHA256": 13,
    "ECDSAP384SHA384": 14, "ED25519": 15, "ED448": 16, "INDIRECT": 252, "PRIVATEDNS": 253, "PRIVATEOID": 254,
]

/// The mnemonics of digest algorithms (IANA: DS RR Type Digest Algorithms).
let digestAlgorithms: KeyValuePairs<StaticString, UInt64> = [
    "SHA-1": 1, "SHA1": 1, "SHA-256": 2, "SHA256": 2, "GOST": 3, "SHA-384": 4, "SHA384": 4,
]

/// The mnemonics of certificate types (RFC 4398 section 2.1).
let certificateTypes: KeyValuePairs<StaticString, UInt64> = [
    "PKIX": 1, "SPKI": 2, "PGP": 3, "IPKIX": 4, "ISPKI": 5, "IPGP": 6, "ACPKIX": 7, "IACPKIX": 8, "URI": 253,
    "OID": 254,
]

/// The names of SvcParamKeys by number (IANA: Service Parameter Keys).
let svcParamKeyNames = [
    "mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp",
    "tls-supported-groups",
]

/// Returns the number of a SvcParamKey, which is written as a name or as `key` and the number; `nil` if it is neither.
func svcParamKey(_ text: UnsafeBufferPointer<UInt8>) -> UInt16? {
    if let key = svcParamKeyNames.firstIndex(where: { text.elementsEqual($0.utf8) }) { return UInt16(key) }
    guard text.starts(with: "key".utf8) else { return nil }
    return number(UnsafeBufferPointer(rebasing: text.dropFirst(3)), max: 0xffff).map { UInt16($0) }
}
