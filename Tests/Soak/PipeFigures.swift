/// The results of the questions through pipes.
struct PipeFigures: Sendable {
    /// The number of judged answers.
    var answered = 0
    /// The number of answers judged one by one. All others were equal to a judged answer while the right answers had
    /// not changed.
    var judgedAlone = 0
    var hostile = 0
    /// Questions to a coprocess that was killed before it answered.
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
