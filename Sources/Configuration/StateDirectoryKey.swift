import CYAML
import Platform

extension Configuration {
    /// The state directory that a configuration file names.
    public enum StatePlace: Hashable, Sendable {
        /// This folder.
        case folder(String)
        /// None: `state_directory: none`.
        case none
        /// Unknown, with the reason: the file cannot be read up to the line that may name it.
        case unknown(reason: String)
    }

    /// Finds the state directory of a configuration, which is all that a coprocess needs to find its image. Reads the
    /// file only up to that key, so that errors after it do no harm.
    public static func statePlace(ofFile file: String) -> StatePlace {
        var text: String
        do throws(Diagnostic) {
            text = try readText(file).text
        } catch {
            return .unknown(reason: error.message)
        }
        switch text.withUTF8(topLevelText) {
        case .broken: return .unknown(reason: "it is not a configuration, or is broken before state_directory")
        case .absent: return .folder(usualStateDirectory)
        case .text("none"): return .none
        case .text(let path):
            if path.isEmpty { return .folder(usualStateDirectory) }
            let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
            return .folder(path.hasPrefix("/") ? path : folder + path)
        }
    }

    /// Finds the state directory for a process that must run whatever the file contains, such as a coprocess.
    ///
    /// - Returns: `nil` for `state_directory: none`; the usual one if the file does not say, or cannot be read.
    public static func stateDirectory(ofFile file: String) -> String? {
        switch statePlace(ofFile: file) {
        case .folder(let path): path
        case .none: nil
        case .unknown: usualStateDirectory
        }
    }

    private enum TopLevelText {
        case text(String)
        case absent
        case broken
    }

    /// Finds the scalar that is the value of `state_directory` in the top mapping.
    private static func topLevelText(_ text: UnsafeBufferPointer<UInt8>) -> TopLevelText {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { return .broken }
        defer { yaml_parser_delete(&parser) }
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(&parser, text.baseAddress, text.count)
        var depth = 0
        var isKey = true
        var isWanted = false
        var anchors: [String: String] = [:]
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else { return .broken }
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_MAPPING_START_EVENT, YAML_SEQUENCE_START_EVENT:
                guard depth > 0 || event.type == YAML_MAPPING_START_EVENT, !isWanted else { return .broken }
                depth += 1
            case YAML_MAPPING_END_EVENT, YAML_SEQUENCE_END_EVENT:
                depth -= 1
                guard depth > 0 else { return .absent }
                if depth == 1 { isKey.toggle() }
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                let value = String(
                    decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
                if let anchor = scalar.anchor { anchors[String(cString: anchor)] = value }
                guard depth > 0 else { return .broken }
                guard depth == 1 else { continue }
                if isWanted { return .text(value) }
                isWanted = isKey && value == "state_directory"
                isKey.toggle()
            case YAML_ALIAS_EVENT:
                guard depth == 1 else { continue }
                if isWanted {
                    let value = event.data.alias.anchor.flatMap { anchors[String(cString: $0)] }
                    return value.map(TopLevelText.text) ?? .broken
                }
                isKey.toggle()
            case YAML_STREAM_END_EVENT, YAML_DOCUMENT_END_EVENT: return .broken
            default: break
            }
        }
    }
}
