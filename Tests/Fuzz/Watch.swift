#if FUZZ
    import Glibc

    // In each file of the program the compiler passes all counters to libFuzzer. The linker redirects these calls to
    // this file (--wrap), so that libFuzzer gets only some of the counters.

    /// A counter of the executions of a place in the program, and the place's address.
    private typealias Place = (address: UInt, flags: UInt)

    nonisolated(unsafe) private var counters: UnsafeMutablePointer<UInt8>?
    nonisolated(unsafe) private var places: UnsafePointer<Place>?
    nonisolated(unsafe) private var placesEnd: UnsafePointer<Place>?

    @_cdecl("__wrap___sanitizer_cov_8bit_counters_init")
    public func takeCounters(_ start: UnsafeMutablePointer<UInt8>, _ end: UnsafeMutablePointer<UInt8>) {
        counters = start
    }

    @_cdecl("__wrap___sanitizer_cov_pcs_init")
    public func takePlaces(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) {
        places = start.assumingMemoryBound(to: Place.self)
        placesEnd = end.assumingMemoryBound(to: Place.self)
    }

    @_silgen_name("__real___sanitizer_cov_8bit_counters_init")
    private func follow(_ start: UnsafeMutablePointer<UInt8>, _ end: UnsafeMutablePointer<UInt8>)

    @_silgen_name("__real___sanitizer_cov_pcs_init")
    private func follow(_ start: UnsafePointer<Place>, _ end: UnsafePointer<Place>)

    /// Makes libFuzzer follow some modules, types and functions.
    ///
    /// The file named by FUZZ_SYMBOLS has the code of each: lines with an address and a name such as `DNS.NameKey`,
    /// each up to the next one.
    func watch(_ words: Set<String>) {
        guard let counters, let places, let placesEnd else { return }
        let watched = Set(words.map { $0[...] })
        var table: [(start: UInt, isWatched: Bool)] = []
        var slide: UInt = 0
        for line in lines(of: getenv("FUZZ_SYMBOLS").map { String(cString: $0) } ?? "") {
            let fields = line.split(separator: " ")
            guard fields.count == 2, let address = UInt(fields[0], radix: 16) else { continue }
            if fields[1] == "__dso_handle" {
                slide = UInt(bitPattern: #dsohandle) &- address
            } else {
                let module = fields[1].prefix { $0 != "." }
                table.append((address, watched.contains(fields[1]) || watched.contains(module)))
            }
        }
        require(slide != 0 && !table.isEmpty, "FUZZ_SYMBOLS names no file with addresses")
        func isWatched(_ address: UInt) -> Bool {
            var (low, high) = (0, table.count)
            while low < high {
                let middle = (low + high) / 2
                if table[middle].start <= address { low = middle + 1 } else { high = middle }
            }
            return low > 0 && table[low - 1].isWatched
        }
        // libFuzzer accepts at most a few thousand ranges, so small gaps between them are followed, too.
        var parts: [Range<Int>] = []
        for place in 0..<(placesEnd - places) where isWatched(places[place].address &- slide) {
            if let last = parts.last, place - last.upperBound < 32 {
                parts[parts.count - 1] = last.lowerBound..<(place + 1)
            } else {
                parts.append(place..<(place + 1))
            }
        }
        for part in parts {
            follow(counters + part.lowerBound, counters + part.upperBound)
            follow(places + part.lowerBound, places + part.upperBound)
        }
    }

    private func lines(of path: String) -> [Substring] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 22)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
    }
#endif
