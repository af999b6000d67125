/// What came of the questions that were asked through pipes.
struct PipeFigures: Sendable {
    /// Answered and found right or wrong.
    var answered = 0
    /// Those of them that were judged one by one. All others were the same bytes as an answer that had been judged, at a time at which no
    /// more and no less was right than then.
    var judgedAlone = 0
    var hostile = 0
    /// Asked of a coprocess that was killed before it answered.
    var lostToKills = 0
    var kills = 0
    /// The longest time for all questions of a block, in nanoseconds.
    var longest: UInt64 = 0

    static func + (one: PipeFigures, other: PipeFigures) -> PipeFigures {
        PipeFigures(
            answered: one.answered + other.answered, judgedAlone: one.judgedAlone + other.judgedAlone,
            hostile: one.hostile + other.hostile, lostToKills: one.lostToKills + other.lostToKills,
            kills: one.kills + other.kills, longest: max(one.longest, other.longest))
    }
}
