extension PlaceCode {
    /// The continent of a country code; `nil` for a code that is not a country's.
    ///
    /// It covers ISO 3166-1 and Kosovo (XK), assigned as in GeoLite2: Cyprus is in Europe, Turkey in Asia, Timor-Leste
    /// in Oceania. It also covers four codes of older databases: AP and EU, which mean a region instead of a country,
    /// and AN and CS, which are former countries.
    public var continent: PlaceCode? { continentsByCountry[index] }
}

private let continentsByCountry: [PlaceCode?] = {
    let countries = [
        "AF": """
        AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW
        SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW
        """,
        "AN": "AQ BV GS HM TF",
        "AS": """
        AE AF AM AP AZ BD BH BN BT CC CN GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM PH PK PS
        QA SA SG SY TH TJ TM TR TW UZ VN YE
        """,
        "EU": """
        AD AL AT AX BA BE BG BY CH CS CY CZ DE DK EE ES EU FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT
        NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK
        """,
        "NA": """
        AG AI AN AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC TT US VC
        VG VI
        """,
        "OC": "AS AU CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS",
        "SA": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
    ]
    var table = [PlaceCode?](repeating: nil, count: PlaceCode.indices.count)
    for (continent, codes) in countries {
        for code in codes.split(whereSeparator: \.isWhitespace) {
            table[PlaceCode(code)!.index] = PlaceCode(continent)!
        }
    }
    return table
}()

private let continentNames: [(name: StaticString, code: PlaceCode)] = [
    ("africa", PlaceCode("AF")!), ("antarctica", PlaceCode("AN")!), ("asia", PlaceCode("AS")!),
    ("europe", PlaceCode("EU")!), ("north america", PlaceCode("NA")!), ("oceania", PlaceCode("OC")!),
    ("south america", PlaceCode("SA")!),
]

extension PlaceCode {
    /// Makes the code of a continent from its English name, without regard to case; `nil` for any other text.
    init?(continentNamed text: UnsafeRawBufferPointer) {
        let match = continentNames.first { name, _ in
            name.utf8CodeUnitCount == text.count && text.indices.allSatisfy { text[$0] | 0x20 == name.utf8Start[$0] }
        }
        guard let match else { return nil }
        self = match.code
    }
}
