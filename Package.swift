// swift-tools-version: 6.2
import PackageDescription

// A new compiler's new warning must not break a stranger's build, but must not land unseen either.
let strict: [SwiftSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

let package = Package(
    name: "geopipe",
    products: [
        .executable(name: "geopipe", targets: ["geopipe"]),
        .executable(name: "geopipe-agent", targets: ["geopipe-agent"]),
        // For the benchmarks, which are a package of their own.
        .library(
            name: "GeopipeRooms",
            targets: [
                "Addresses", "Answering", "Compiler", "Configuration", "Coprocess", "DNS", "Geography", "Image",
                "Platform", "Routing", "Zones",
            ]),
    ],
    // Exact versions: a program is built with what it was tested with.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        // Of the agent alone: `swift build --product geopipe` compiles none of these.
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CMaxMindDB", pkgConfig: "libmaxminddb", providers: [.apt(["libmaxminddb-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CBytes"),
        // No system library, since it has code of its own: the program's arguments, and what handles faults.
        .target(name: "CProcess"),
        // The files of the agent's page, as they are: C can have the bytes of a file in a program without a build step.
        .target(name: "CPage"),

        // Rooms, from the ground up: none imports one that is below it.
        .target(name: "Platform", dependencies: ["CLinux", "CProcess"], swiftSettings: strict),
        .target(
            name: "Journal",
            dependencies: [
                "Platform", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(name: "PipeProtocol", dependencies: ["CBytes"], swiftSettings: strict),
        .target(name: "Addresses", dependencies: ["Platform"], swiftSettings: strict),
        .target(name: "DNS", dependencies: ["CBytes", "Platform"], swiftSettings: strict),
        .target(name: "Geography", dependencies: ["Addresses", "Platform"], swiftSettings: strict),
        .target(name: "Routing", dependencies: ["Addresses", "Geography", "Platform"], swiftSettings: strict),
        .target(name: "Zones", dependencies: ["CBytes", "DNS", "Platform"], swiftSettings: strict),
        .target(name: "Image", dependencies: ["Platform"], swiftSettings: strict),
        .target(name: "Telemetry", dependencies: ["Geography"], swiftSettings: strict),
        .target(
            name: "Configuration",
            dependencies: ["CYAML", "DNS", "Platform", "Geography", "Routing", "Zones"], swiftSettings: strict),
        .target(
            name: "State",
            dependencies: ["CLinux", "Configuration", "Geography", "Image", "Platform", "Routing", "Zones"],
            swiftSettings: strict),
        .target(
            name: "Answering",
            dependencies: [
                "CProcess", "Configuration", "DNS", "Geography", "Image", "PipeProtocol", "Platform", "Routing",
                "State",
                "Telemetry", "Zones",
            ],
            swiftSettings: strict),
        .target(
            name: "Compiler",
            dependencies: [
                "Answering", "CLinux", "CProcess", "Configuration", "DNS", "Geography", "Image", "Platform", "Routing",
                "State", "Zones", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "Coprocess",
            dependencies: [
                "Answering", "CLinux", "CProcess", "Compiler", "Configuration", "Geography", "Image", "PipeProtocol",
                "Platform", "State", "Telemetry", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "Inspection",
            dependencies: [
                "Addresses", "Answering", "Compiler", "Configuration", "DNS", "Geography", "PipeProtocol", "Platform",
                "Routing",
                "State", "Zones",
            ],
            swiftSettings: strict),
        .target(
            name: "PowerDNSLint", dependencies: ["CLinux", "Configuration", "DNS", "Platform", "Routing", "Zones"],
            swiftSettings: strict),
        .executableTarget(
            name: "geopipe",
            dependencies: [
                "Answering", "CLinux", "Compiler", "Configuration", "Coprocess", "DNS", "Geography", "Image",
                "Inspection", "Journal", "Platform", "PowerDNSLint", "Routing", "State", "Zones",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        .executableTarget(
            name: "geopipe-agent",
            dependencies: [
                "Answering", "CLinux", "CPage", "Compiler", "Configuration", "DNS", "Geography", "Inspection",
                "Journal",
                "Platform", "State", "Telemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/GeopipeAgent", exclude: ["Page"], swiftSettings: strict),

        .target(name: "Support", path: "Tests/Support", swiftSettings: strict),
        .testTarget(name: "PipeProtocolTests", dependencies: ["PipeProtocol", "Support"], swiftSettings: strict),
        .testTarget(name: "GeographyTests", dependencies: ["Geography"], swiftSettings: strict),
        .testTarget(name: "RoutingTests", dependencies: ["Routing", "Support"], swiftSettings: strict),
        .testTarget(name: "ImageTests", dependencies: ["Image", "Platform", "Support"], swiftSettings: strict),
        .testTarget(name: "AddressesTests", dependencies: ["Addresses", "Platform", "Support"], swiftSettings: strict),
        .testTarget(name: "ZonesTests", dependencies: ["DNS", "Platform", "Support", "Zones"], swiftSettings: strict),
        .testTarget(name: "DNSTests", dependencies: ["DNS", "Platform", "Support"], swiftSettings: strict),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Support"], swiftSettings: strict),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"], swiftSettings: strict),
        .testTarget(name: "PlatformTests", dependencies: ["Platform", "Support"], swiftSettings: strict),
        .testTarget(name: "StateTests", dependencies: ["State", "Support"], swiftSettings: strict),
        .testTarget(
            name: "AnsweringTests", dependencies: ["Answering", "Compiler", "Inspection", "Support"],
            swiftSettings: strict),
        .testTarget(
            name: "CompilerTests",
            dependencies: ["Addresses", "Compiler", "Image", "Inspection", "Platform", "Support"],
            swiftSettings: strict),
        .testTarget(
            name: "InspectionTests",
            dependencies: [
                "Answering", "Compiler", "Configuration", "Geography", "Inspection", "Platform", "State", "Support",
            ],
            exclude: ["pictures"],
            swiftSettings: strict),
        .testTarget(
            name: "CoprocessTests",
            dependencies: ["Coprocess", "Support", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .testTarget(
            name: "AgentTests",
            dependencies: [
                "Geography", "Platform", "State", "Support", "Telemetry", "geopipe-agent",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AgentIntegration",
            dependencies: [
                "Answering", "Compiler", "Configuration", "State", "Telemetry", "Support", "geopipe-agent",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PowerDNSLintTests", dependencies: ["Configuration", "PowerDNSLint"], swiftSettings: strict),
        .testTarget(
            name: "Transcripts", dependencies: ["State", "geopipe", "geopipe-agent", "Support", "Telemetry"],
            exclude: ["dialogues"],
            swiftSettings: strict),
        .testTarget(
            name: "Integration", dependencies: ["PowerDNSLint", "Support", "geopipe"], swiftSettings: strict),
        .testTarget(
            name: "Differential", dependencies: ["geopipe", "CMaxMindDB", "Support"], swiftSettings: strict),
        .testTarget(
            name: "Documentation", dependencies: ["Configuration", "Platform", "Support", "geopipe"],
            swiftSettings: strict),
        .testTarget(name: "Oracle", dependencies: ["geopipe", "Support"], swiftSettings: strict),
        // What `make soak` runs.
        .executableTarget(
            name: "soak",
            dependencies: [
                "CLinux", "CMaxMindDB", "Support",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Soak", swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

// Each input that is kept is read by every test run; `make fuzz` builds the same with libFuzzer, which has the program's beginning.
let fuzzed: [Target.Dependency] = [
    "Answering", "CPage", "Compiler", "Configuration", "DNS", "Geography", "Image", "Inspection", "PipeProtocol",
    "Platform",
    "PowerDNSLint", "Routing", "State", "Telemetry", "Zones",
    .product(name: "ArgumentParser", package: "swift-argument-parser"), .product(name: "Logging", package: "swift-log"),
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
]
let notSources = ["corpus", "dictionaries", "fuzz"]
package.targets.append(
    Context.environment["FUZZ"] == nil
        ? .testTarget(
            name: "Fuzz", dependencies: fuzzed, path: "Tests/Fuzz", exclude: notSources, swiftSettings: strict)
        : .executableTarget(
            name: "fuzz", dependencies: fuzzed, path: "Tests/Fuzz", exclude: notSources + ["CorpusTests.swift"],
            swiftSettings: strict + [.define("FUZZ")]))
