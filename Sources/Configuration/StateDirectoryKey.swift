import CYAML
import Platform

extension Configuration {
    /// Where the state of a configuration is, as far as its file says so: all that a coprocess must know to find its image. Read
    /// event by event up to that key, so that what is wrong after it does no harm.
    ///
    /// - Returns: `nil` for `state_directory: none`. The usual place if the file does not say, or cannot be read.
    public static func stateDirectory(ofFile file: String) -> String? {
        guard var text = try? readText(file).text else { return usualStateDirectory }
        let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        switch text.withUTF8(topLevelText) {
        case nil: return usualStateDirectory
        case "none": return nil
        case let path?: return path.isEmpty ? usualStateDirectory : path.hasPrefix("/") ? path : folder + path
        }
    }

    /// The text that is the value of `state_directory` in the mapping at the top; `nil` if there is none.
    private static func topLevelText(_ text: UnsafeBufferPointer<UInt8>) -> String? {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { return nil }
        defer { yaml_parser_delete(&parser) }
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(&parser, text.baseAddress, text.count)
        var depth = 0
        var isKey = true
        var isWanted = false
        var anchors: [String: String] = [:]
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else { return nil }
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_MAPPING_START_EVENT, YAML_SEQUENCE_START_EVENT:
                guard depth > 0 || event.type == YAML_MAPPING_START_EVENT, !isWanted else { return nil }
                depth += 1
            case YAML_MAPPING_END_EVENT, YAML_SEQUENCE_END_EVENT:
                depth -= 1
                guard depth > 0 else { return nil }
                if depth == 1 { isKey.toggle() }
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                let value = String(
                    decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
                if let anchor = scalar.anchor { anchors[String(cString: anchor)] = value }
                guard depth == 1 else { continue }
                if isWanted { return value }
                isWanted = isKey && value == "state_directory"
                isKey.toggle()
            case YAML_ALIAS_EVENT:
                guard depth == 1 else { continue }
                if isWanted { return event.data.alias.anchor.flatMap { anchors[String(cString: $0)] } }
                isKey.toggle()
            case YAML_STREAM_END_EVENT, YAML_DOCUMENT_END_EVENT: return nil
            default: break
            }
        }
    }
}
