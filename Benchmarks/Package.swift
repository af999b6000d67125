// swift-tools-version: 6.2
import PackageDescription

// A separate package, so that users of geopipe never build it.
let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "geopipe", path: "..")
    ],
    targets: [
        .target(name: "CMaxMindLookup", linkerSettings: [.linkedLibrary("maxminddb")]),
        .executableTarget(
            name: "placebench",
            dependencies: ["CMaxMindLookup", .product(name: "GeopipeRooms", package: "geopipe")]),
        // Fits the laws of growth and plots them. Does not depend on geopipe.
        .target(name: "Scaling"),
        .executableTarget(name: "scalereport", dependencies: ["Scaling"]),
        .testTarget(name: "ScalingTests", dependencies: ["Scaling"]),
    ],
    swiftLanguageModes: [.v6]
)
