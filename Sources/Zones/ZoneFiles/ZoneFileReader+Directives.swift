import DNS
import Glibc

extension ZoneFileReader {
    mutating func setOrigin(_ tokens: [Token], _ bytes: UnsafeBufferPointer<UInt8>) {
        guard tokens.count == 2 else {
            return diagnose(tokens[0], "$ORIGIN needs one name; write $ORIGIN example.com.")
        }
        if ends(tokens[1], with: originText, bytes) {
            let text = string(tokens[1], bytes)
            warn(
                tokens[1],
                "'\(text)' has no final dot, so it means \(text).\(origin); write $ORIGIN \(text)., or a final dot after the longer name"
            )
        }
        if let name = name(tokens[1], bytes) { origin = name }
    }

    mutating func setDefaultTTL(_ tokens: [Token], _ bytes: UnsafeBufferPointer<UInt8>) {
        guard tokens.count == 2, let time = seconds(bytes.extracting(tokens[1].text).span) else {
            return diagnose(tokens[tokens.count > 1 ? 1 : 0], "$TTL needs one time; write $TTL 3600, or $TTL 1h")
        }
        let seconds = limited(time, tokens[1])
        defaultTTL = seconds
        firstDefaultTTL = firstDefaultTTL ?? seconds
    }

    mutating func include(_ tokens: [Token], _ bytes: UnsafeBufferPointer<UInt8>) {
        guard 2...3 ~= tokens.count else {
            return diagnose(tokens[0], "$INCLUDE needs a file, and may have an origin; write $INCLUDE hosts.inc")
        }
        var inner = origin
        if tokens.count == 3 {
            guard let name = name(tokens[2], bytes) else { return }
            inner = name
        }
        let path = string(tokens[1], bytes)
        let place = path.hasPrefix("/") ? path : folder + path
        let name = path.hasPrefix("/") ? path : namedFolder + path
        guard let real = realPath(of: place) else {
            missing.append(name)
            return diagnose(tokens[1], "cannot read '\(path)': \(String(cString: strerror(errno)))")
        }
        guard real.hasPrefix(folder) else {
            return diagnose(tokens[1], "'\(path)' is outside of the zone file's folder; put it into \(folder)")
        }
        guard files.count < Self.maxFiles else {
            return diagnose(tokens[1], "a zone has at most \(Self.maxFiles) files; put some into one")
        }
        do throws(SourceFile.Unreadable) {
            let file = try SourceFile(path: real, name: name, within: folder)
            guard !reading.contains(where: { files[$0].path == real || files[$0].identity == file.identity }) else {
                return diagnose(tokens[1], "'\(path)' includes itself; remove one $INCLUDE")
            }
            // An included file does not change the origin and the owner of the file that includes it.
            let outer = (origin, owner)
            origin = inner
            read(file)
            (origin, owner) = outer
        } catch {
            missing.append(name)
            diagnose(tokens[1], "cannot read '\(path)': \(error.reason)")
        }
    }

    private mutating func name(_ token: Token, _ bytes: UnsafeBufferPointer<UInt8>) -> DomainName? {
        do throws(NameError) {
            return try DomainName(bytes.extracting(token.text).span, relativeTo: origin)
        } catch {
            diagnose(token, "'\(string(token, bytes))' is not a valid domain name: \(error)")
            return nil
        }
    }

    /// Reads `$GENERATE FIRST-LAST[/STEP] OWNER [TTL] [CLASS] TYPE DATA`, BIND's shorthand for many similar records.
    mutating func generate(_ tokens: [Token], _ bytes: UnsafeBufferPointer<UInt8>) {
        let range: GenerateRange
        do throws(GenerateRange.Unusable) {
            guard tokens.count >= 5 else { throw .malformed }
            range = try GenerateRange(bytes.extracting(tokens[1].text).span)
        } catch {
            switch error {
            case .malformed:
                return diagnose(
                    tokens[0], "$GENERATE needs a range and a record; write $GENERATE 1-100 host$ A 192.0.2.$")
            case .tooLarge:
                return diagnose(
                    tokens[1],
                    "the range '\(string(tokens[1], bytes))' of $GENERATE is too large; write at most \(GenerateRange.maxCount) numbers, none above \(Int32.max)"
                )
            }
        }
        var template: [GenerateTemplate] = []
        for position in 2..<tokens.count {
            let token = tokens[position]
            // Quotation marks around all data only group several tokens, and are removed.
            let isAllData =
                position == tokens.count - 1 && RecordType(bytes.extracting(tokens[position - 1].text).span) != nil
            let isQuoted = token.isQuoted && !isAllData
            guard let part = GenerateTemplate(bytes.extracting(token.text).span, isQuoted: isQuoted) else {
                return diagnose(token, "'\(string(token, bytes))' has a ${ that is not ${OFFSET,WIDTH,BASE}")
            }
            template.append(part)
        }
        generatedFrom = tokens[0].text.lowerBound
        defer { (generatedFrom, hasWarnedOfGenerated) = (nil, false) }
        var line: [UInt8] = []
        for number in range.numbers {
            let problems = contents.problems.count
            line.removeAll(keepingCapacity: true)
            for part in template { part.append(number, to: &line) }
            line.withUnsafeBufferPointer { line in
                var lexer = ZoneFileLexer(line)
                do throws(ZoneFileLexer.Failure) {
                    if try lexer.next() { readRecord(lexer.tokens, startsWithBlank: false, in: line) }
                } catch {
                    diagnose(error.offset, error.message)
                }
            }
            // Other generated records probably have the same error at the same position, so one is enough.
            if contents.problems.count > problems, !contents.problems.last!.isWarning { return }
        }
    }
}
