import Geography

/// The countries of ISO 3166-1, and XK, which databases have for Kosovo.
///
/// Used for messages and pictures only: the databases decide which codes a rule may name.
package enum Countries {
    package struct Country {
        package var code: PlaceCode
        /// ISO 3166-1 alpha-3.
        var threeLetters: String
        /// The common English name.
        package var name: String

        /// Every country of the table has one.
        var continent: PlaceCode { code.continent! }
    }

    package static let all: [Country] = table.flatMap { _, countries in
        countries.split(whereSeparator: { $0 == "," || $0 == "\n" }).map { entry in
            let words = entry.split(separator: " ")
            return Country(
                code: PlaceCode(words[0])!, threeLetters: String(words[1]), name: words[2...].joined(separator: " "))
        }
    }

    package static let byCode = Dictionary(uniqueKeysWithValues: all.map { ($0.code, $0) })

    /// Returns the country with a three-letter code or a name, in any case, with or without accents.
    static func named(_ text: String) -> Country? {
        let word = folded(text)
        return all.first { $0.threeLetters.lowercased() == word || folded($0.name) == word }
            ?? otherNames[word].flatMap { byCode[PlaceCode($0)!] }
    }

    /// Common names that are not in the table, folded.
    private static let otherNames = [
        "america": "US", "united states of america": "US", "usa": "US", "britain": "GB", "great britain": "GB",
        "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB", "holland": "NL",
        "czech republic": "CZ", "burma": "MM", "turkiye": "TR", "uae": "AE", "russian federation": "RU",
        "republic of korea": "KR", "korea": "KR", "viet nam": "VN", "swaziland": "SZ", "cape verde": "CV",
        "macedonia": "MK", "east timor": "TL", "ivory coast": "CI", "deutschland": "DE", "espana": "ES",
        "osterreich": "AT", "schweiz": "CH", "brasil": "BR", "nippon": "JP",
    ]

    private static let table: KeyValuePairs = [
        "AF": """
        DZ DZA Algeria,AO AGO Angola,BJ BEN Benin,BW BWA Botswana,BF BFA Burkina Faso,BI BDI Burundi,CM CMR Cameroon
        CV CPV Cabo Verde,CF CAF Central African Republic,TD TCD Chad,KM COM Comoros,CG COG Congo
        CD COD Democratic Republic of the Congo,CI CIV Côte d'Ivoire,DJ DJI Djibouti,EG EGY Egypt
        GQ GNQ Equatorial Guinea,ER ERI Eritrea,SZ SWZ Eswatini,ET ETH Ethiopia,GA GAB Gabon,GM GMB Gambia
        GH GHA Ghana,GN GIN Guinea,GW GNB Guinea-Bissau,KE KEN Kenya,LS LSO Lesotho,LR LBR Liberia,LY LBY Libya
        MG MDG Madagascar,MW MWI Malawi,ML MLI Mali,MR MRT Mauritania,MU MUS Mauritius,YT MYT Mayotte,MA MAR Morocco
        MZ MOZ Mozambique,NA NAM Namibia,NE NER Niger,NG NGA Nigeria,RE REU Réunion,RW RWA Rwanda
        SH SHN Saint Helena,ST STP São Tomé and Príncipe,SN SEN Senegal,SC SYC Seychelles,SL SLE Sierra Leone
        SO SOM Somalia,ZA ZAF South Africa,SS SSD South Sudan,SD SDN Sudan,TZ TZA Tanzania,TG TGO Togo,TN TUN Tunisia
        UG UGA Uganda,EH ESH Western Sahara,ZM ZMB Zambia,ZW ZWE Zimbabwe
        """,
        "AN": """
        AQ ATA Antarctica,BV BVT Bouvet Island,TF ATF French Southern Territories
        HM HMD Heard Island and McDonald Islands,GS SGS South Georgia and the South Sandwich Islands
        """,
        "AS": """
        AF AFG Afghanistan,AM ARM Armenia,AZ AZE Azerbaijan,BH BHR Bahrain,BD BGD Bangladesh,BT BTN Bhutan
        IO IOT British Indian Ocean Territory,BN BRN Brunei,KH KHM Cambodia,CN CHN China,CX CXR Christmas Island
        CC CCK Cocos Islands,GE GEO Georgia,HK HKG Hong Kong,IN IND India,ID IDN Indonesia,IR IRN Iran,IQ IRQ Iraq
        IL ISR Israel,JP JPN Japan,JO JOR Jordan,KZ KAZ Kazakhstan,KW KWT Kuwait,KG KGZ Kyrgyzstan,LA LAO Laos
        LB LBN Lebanon,MO MAC Macao,MY MYS Malaysia,MV MDV Maldives,MN MNG Mongolia,MM MMR Myanmar,NP NPL Nepal
        KP PRK North Korea,OM OMN Oman,PK PAK Pakistan,PS PSE Palestine,PH PHL Philippines,QA QAT Qatar
        SA SAU Saudi Arabia,SG SGP Singapore,KR KOR South Korea,LK LKA Sri Lanka,SY SYR Syria,TW TWN Taiwan
        TJ TJK Tajikistan,TH THA Thailand,TL TLS Timor-Leste,TR TUR Turkey,TM TKM Turkmenistan
        AE ARE United Arab Emirates,UZ UZB Uzbekistan,VN VNM Vietnam,YE YEM Yemen
        """,
        "EU": """
        AX ALA Åland,AL ALB Albania,AD AND Andorra,AT AUT Austria,BY BLR Belarus,BE BEL Belgium
        BA BIH Bosnia and Herzegovina,BG BGR Bulgaria,HR HRV Croatia,CY CYP Cyprus,CZ CZE Czechia,DK DNK Denmark
        EE EST Estonia,FO FRO Faroe Islands,FI FIN Finland,FR FRA France,DE DEU Germany,GI GIB Gibraltar,GR GRC Greece
        GG GGY Guernsey,HU HUN Hungary,IS ISL Iceland,IE IRL Ireland,IM IMN Isle of Man,IT ITA Italy,JE JEY Jersey
        XK XKX Kosovo,LV LVA Latvia,LI LIE Liechtenstein,LT LTU Lithuania,LU LUX Luxembourg,MT MLT Malta
        MD MDA Moldova,MC MCO Monaco,ME MNE Montenegro,NL NLD Netherlands,MK MKD North Macedonia,NO NOR Norway
        PL POL Poland,PT PRT Portugal,RO ROU Romania,RU RUS Russia,SM SMR San Marino,RS SRB Serbia,SK SVK Slovakia
        SI SVN Slovenia,ES ESP Spain,SJ SJM Svalbard and Jan Mayen,SE SWE Sweden,CH CHE Switzerland,UA UKR Ukraine
        GB GBR United Kingdom,VA VAT Vatican City
        """,
        "NA": """
        AI AIA Anguilla,AG ATG Antigua and Barbuda,AW ABW Aruba,BS BHS Bahamas,BB BRB Barbados,BZ BLZ Belize
        BM BMU Bermuda,BQ BES Bonaire,VG VGB British Virgin Islands,CA CAN Canada,KY CYM Cayman Islands
        CR CRI Costa Rica,CU CUB Cuba,CW CUW Curaçao,DM DMA Dominica,DO DOM Dominican Republic,SV SLV El Salvador
        GL GRL Greenland,GD GRD Grenada,GP GLP Guadeloupe,GT GTM Guatemala,HT HTI Haiti,HN HND Honduras
        JM JAM Jamaica,MQ MTQ Martinique,MX MEX Mexico,MS MSR Montserrat,NI NIC Nicaragua,PA PAN Panama
        PR PRI Puerto Rico,BL BLM Saint Barthélemy,KN KNA Saint Kitts and Nevis,LC LCA Saint Lucia
        MF MAF Saint Martin,PM SPM Saint Pierre and Miquelon,VC VCT Saint Vincent and the Grenadines
        SX SXM Sint Maarten,TT TTO Trinidad and Tobago,TC TCA Turks and Caicos Islands,US USA United States
        VI VIR U.S. Virgin Islands
        """,
        "OC": """
        AS ASM American Samoa,AU AUS Australia,CK COK Cook Islands,FJ FJI Fiji,PF PYF French Polynesia,GU GUM Guam
        KI KIR Kiribati,MH MHL Marshall Islands,FM FSM Micronesia,NR NRU Nauru,NC NCL New Caledonia,NZ NZL New Zealand
        NU NIU Niue,NF NFK Norfolk Island,MP MNP Northern Mariana Islands,PW PLW Palau,PG PNG Papua New Guinea
        PN PCN Pitcairn,WS WSM Samoa,SB SLB Solomon Islands,TK TKL Tokelau,TO TON Tonga,TV TUV Tuvalu
        UM UMI U.S. Outlying Islands,VU VUT Vanuatu,WF WLF Wallis and Futuna
        """,
        "SA": """
        AR ARG Argentina,BO BOL Bolivia,BR BRA Brazil,CL CHL Chile,CO COL Colombia,EC ECU Ecuador
        FK FLK Falkland Islands,GF GUF French Guiana,GY GUY Guyana,PY PRY Paraguay,PE PER Peru,SR SUR Suriname
        UY URY Uruguay,VE VEN Venezuela
        """,
    ]
}
