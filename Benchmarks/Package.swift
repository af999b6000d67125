// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that users of geopipe never build it.
let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "geopipe", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    ],
    targets: [
        .target(name: "CMaxMindLookup", linkerSettings: [.linkedLibrary("maxminddb")]),
        .executableTarget(
            name: "placebench",
            dependencies: ["CMaxMindLookup", .product(name: "GeopipeRooms", package: "geopipe")]),
        .target(name: "CPoll"),
        .executableTarget(
            name: "soak",
            dependencies: [
                "CMaxMindLookup", "CPoll", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
