extension WorldMap {
    /// The style of pictures on light and dark screens: CSS rules that apply only inside `.world`.
    public static var style: String {
        func colours(_ colour: ((light: String, dark: String)) -> String) -> String {
            MapPalette.colours.enumerated().map { ".world .p\($0) { fill: \(colour($1)) }\n" }.joined()
        }
        return """
            svg.world { max-width: 100%; height: auto }
            .world { font-family: system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; font-size: 20px }
            .world text { fill: #1a1a1a }
            .world .heading { font-size: 32px; font-weight: 600 }
            .world .note { font-size: 16px; fill: #4a4a4a }
            .world .part { font-weight: 600 }
            .world .paper { fill: #ffffff }
            .world .sea { fill: #eaf1f6 }
            .world .empty { fill: #d6d6d6 }
            .world .line { fill: #8a1f11 }
            .world .ink { fill: #ffffff; fill-opacity: .72 }
            .world .lands path { stroke: #ffffff; stroke-width: .6; stroke-linejoin: round }
            .world .dots circle, .world .dots path { stroke: #ffffff; stroke-width: .5 }
            .world .lands path:hover, .world .dots g:hover > * { stroke: #000000; stroke-width: 1.5 }
            .world .frame { fill: none; stroke: #777777; stroke-width: .8 }
            .world .letter { font-size: 15px; font-weight: 700; text-anchor: middle }
            .world .letter, .world .name { stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; paint-order: stroke; pointer-events: none }
            .world .name { font-size: 16px; font-weight: 600 }
            .world .marks circle { stroke: #1a1a1a; stroke-width: 2 }
            \(colours(\.light))
            @media screen and (prefers-color-scheme: dark) {
            .world text { fill: #f2f2f2 }
            .world .note { fill: #c2c2c2 }
            .world .paper { fill: #12161b }
            .world .sea { fill: #1c2530 }
            .world .empty { fill: #48505a }
            .world .line { fill: #ff9c8f }
            .world .ink { fill: #000000; fill-opacity: .6 }
            .world .lands path, .world .dots circle, .world .dots path { stroke: #12161b }
            .world .lands path:hover, .world .dots g:hover > * { stroke: #ffffff }
            .world .letter, .world .name { stroke: #12161b }
            .world .marks circle { stroke: #f2f2f2 }
            \(colours(\.dark))}
            @media (max-width: 700px) {
            .world .letters .letter { display: none }
            .world .letters .large { display: inline; font-size: 30px; stroke-width: 6px }
            .world .marks .name { display: none }
            .world .marks .letter { font-size: 28px; transform: translateY(4px) }
            .world .marks circle { r: 19px; stroke-width: 4 }
            }

            """
    }
}
