import Platform

extension ConfigurationParser {
    mutating func parseHealth(_ node: YAMLNode) {
        let what = "health"
        let fields = reader.fields(node, what, .health)
        let tokenFile = fields["token_file"].flatMap { reader.text($0.value, "token_file of \(what)") }
        guard let list = fields["vantage_points"]?.value else { return }
        guard case .sequence(let items) = list.value, !items.isEmpty else {
            return reader.diagnose(
                list.position,
                "vantage_points of \(what) must be a list; write [{ name: NAME, url: \"http://192.0.2.1:9353\" }, …]")
        }
        if items.count > VantagePoints.limit {
            reader.diagnose(
                list.position,
                "vantage_points of \(what) has \(items.count) items; write at most \(VantagePoints.limit)")
        }
        var places = VantagePoints(points: [], tokenFile: tokenFile.map { absolutePath(path($0)) } ?? "")
        for item in items.prefix(VantagePoints.limit) {
            if let point = vantagePoint(item, places.points) { places.points.append(point) }
        }
        func seconds(_ key: String, _ place: WritableKeyPath<VantagePoints, UInt32>) {
            guard let node = fields[key]?.value, let seconds = positiveSeconds(node, "\(key) of \(what)") else {
                return
            }
            places[keyPath: place] = seconds
        }
        seconds("interval", \.interval)
        seconds("timeout", \.timeout)
        // A report is replaced when the next round ends, which begins after the interval or a timeout.
        let least = UInt64(max(places.interval, places.timeout)) + UInt64(places.timeout)
        if fields["max_age"] == nil { places.maxAge = max(places.maxAge, UInt32(clamping: least * 2)) }
        seconds("max_age", \.maxAge)
        if UInt64(places.maxAge) < least {
            reader.diagnose(
                fields["max_age"]?.value.position,
                "max_age of \(what) is \(places.maxAge) s, too short for a second report; write at least \(least) s, which is the timeout and the longer of interval and timeout"
            )
        }
        configuration.vantagePoints = places
    }

    /// - Parameter others: those before it.
    private func vantagePoint(_ node: YAMLNode, _ others: [VantagePoints.Point]) -> VantagePoints.Point? {
        let what = "a vantage point"
        let fields = reader.fields(node, what, .vantagePoint)
        guard let nameNode = fields["name"]?.value, let name = reader.text(nameNode, "name of \(what)"),
            let urlNode = fields["url"]?.value, let url = reader.text(urlNode, "url of \(what)")
        else { return nil }
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
        guard 1...63 ~= name.utf8.count, name.allSatisfy(letters.contains) else {
            reader.diagnose(
                nameNode.position,
                "'\(name)' cannot name a vantage point; write at most 63 letters, digits, - _ .")
            return nil
        }
        if others.contains(where: { $0.name == name }) {
            reader.diagnose(nameNode.position, "two vantage points have the name '\(name)'; give each its own")
            return nil
        }
        guard var point = VantagePoints.Point(name: name, url: url) else {
            reader.diagnose(
                urlNode.position,
                "url of the vantage point \(name) is '\(url)'; write http:// or https://, an IP address and the port, such as http://192.0.2.1:9353 or http://[2001:db8::1]:9353"
            )
            return nil
        }
        if let other = others.first(where: { $0.url == point.url }) {
            reader.diagnose(
                urlNode.position,
                "the vantage points \(other.name) and \(name) have the same url; one agent has one vote, so remove one"
            )
            return nil
        }
        point.tokenFile = fields["token_file"].flatMap {
            reader.text($0.value, "token_file of the vantage point \(name)")
        }
        .map { absolutePath(path($0)) }
        return point
    }
}
