import Foundation
import Platform
import Support
import Testing

/// A validator for JSON Schema: that of Debian's python3-jsonschema.
struct SchemaValidator {
    private let folder: Folder
    private let schema: String

    /// - Parameter schema: the output of `geopipe schema`.
    init(schema: String) throws {
        folder = try Folder()
        self.schema = try folder.write(schema.utf8, to: "schema.json")
    }

    /// Returns the error of each value; `nil` for a valid one.
    func diagnostics(about values: [JSON]) throws -> [String?] {
        let script = """
            import json, sys
            import jsonschema
            with open(sys.argv[1]) as file:
                schema = json.load(file)
            jsonschema.Draft202012Validator.check_schema(schema)
            validator = jsonschema.Draft202012Validator(schema)
            for line in sys.stdin:
                error = next(validator.iter_errors(json.loads(line)), None)
                print(json.dumps(error and "/".join(map(str, error.absolute_path)) + ": " + error.message[:300]))
            """
        // The system's Python, which has Debian's packages, whatever is in PATH.
        let ending = try Program("python3", in: ["/usr/bin"]).run(
            ["-c", script, schema], input: Array(values.map { $0.compact + "\n" }.joined().utf8), in: folder)
        try #require(ending.status == 0, "python3-jsonschema: \(ending.error)")
        return try String(decoding: ending.output, as: UTF8.self).split(separator: "\n").map {
            try JSON(reading: $0.utf8).string
        }
    }
}
