import CPage
import Inspection
import Platform

/// The page of the live view: one self-contained HTML text.
struct LivePage: Sendable {
    let html: String
    /// The Content-Security-Policy: the page runs only its own script, requests only this server, and is in no frame.
    let policy: String

    /// The page of this program.
    static let own = LivePage(
        frame: text(page_html()), style: text(page_style()), script: text(page_script()), outlines: outlines)

    private static func text(_ text: page_text) -> String {
        String(decoding: UnsafeRawBufferPointer(start: text.bytes, count: text.length), as: UTF8.self)
    }

    /// - Parameter frame: HTML with `{{style}}`, `{{script}}` and `{{outlines}}`, each as the whole content of an
    ///   element.
    init(frame: String, style: String, script: String, outlines: String) {
        let parts = ["style": style, "script": script, "outlines": outlines]
        var html = ""
        var rest = frame[...]
        while let start = rest.firstRange(of: "{{"), let end = rest[start.upperBound...].firstRange(of: "}}") {
            html += rest[..<start.lowerBound]
            let name = String(rest[start.upperBound..<end.lowerBound])
            html += parts[name] ?? String(rest[start.lowerBound..<end.upperBound])
            rest = rest[end.upperBound...]
        }
        self.html = html + rest
        policy = """
            default-src 'none'; script-src '\(Self.source(script))'; style-src '\(Self.source(style))'; connect-src 'self'; \
            img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
            """
    }

    /// Returns the hash of an element's content, for the Content-Security-Policy.
    static func source(_ text: String) -> String { "sha256-" + base64(SHA256.hash(text.utf8)) }

    /// The map: `{"countries":[["NO",[[longitude,latitude,...],...]],...],"dots":[["AD",latitude,longitude],...]}`, in
    /// degrees.
    private static var outlines: String {
        let countries = WorldOutlines.all.map { outline in
            JSON.list([
                .text("\(outline.country)"),
                .list(
                    outline.rings.map { ring in
                        .list(ring.flatMap { [JSON.number($0.longitude), .number($0.latitude)] })
                    }),
            ])
        }
        let dots = WorldOutlines.dots.map { country, position in
            JSON.list([.text("\(country)"), .number(position.latitude), .number(position.longitude)])
        }
        return JSON.object([("countries", .list(countries)), ("dots", .list(dots))]).compact
    }
}
