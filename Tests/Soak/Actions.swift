import Foundation

/// The kinds of actions.
extension Director {
    var actions: [ActionDeck.Kind] {
        fileActions + switchActions + stateActions + programActions + healthActions + processActions + machineFaults
    }

    private var isWhole: Bool { broken.isEmpty && hasImage }

    private var fileActions: [ActionDeck.Kind] {
        [
            .init(name: "change a file", weight: 6, act: changeFile),
            .init(name: "break a file", weight: 5, act: breakFile),
            .init(name: "change many files", weight: 3, act: changeManyFiles),
            .init(name: "replace a file while compiling", weight: 3, act: replaceWhileCompiling),
            .init(name: "misdate a file", weight: 2, act: misdate),
            .init(name: "send SIGHUP", weight: 2, act: hangUp),
        ]
    }

    private var switchActions: [ActionDeck.Kind] {
        [
            .init(name: "drain", weight: 8, act: drain),
            .init(name: "undrain", weight: 4, act: undrain),
            .init(name: "drain places", weight: 4, act: drainPlaces),
            .init(name: "undrain places", weight: 3, act: undrainPlaces),
            .init(name: "force a datacenter", weight: 3, act: force),
            .init(name: "step of a rollout", weight: 8, isPossible: { [self] in isWhole }, act: rollOut),
        ]
    }

    private var stateActions: [ActionDeck.Kind] {
        let (switches, images) = (site.state + "/switches", site.state + "/images")
        return [
            .init(
                name: "corrupt the switches", weight: 3, isPossible: { file(switches) != nil }, act: corruptSwitches),
            .init(name: "corrupt other state", weight: 2, act: corruptOtherState),
            .init(name: "lose the state directory", act: loseState),
            .init(name: "disturb images", weight: 4, isPossible: { file(images) != nil }, act: disturbImages),
        ]
    }

    private var programActions: [ActionDeck.Kind] {
        [
            .init(name: "upgrade", weight: 2, isPossible: { [self] in broken.isEmpty }, act: takeOver),
            .init(name: "upgrade to a bad program", act: takeOverBadProgram),
            .init(
                name: "start another coprocess", weight: 2, isPossible: { [self] in broken.isEmpty || hasImage },
                act: startAnother),
        ]
    }

    private var healthActions: [ActionDeck.Kind] {
        let obstacle = agent == nil ? "no agent was given" : nil
        return [
            .init(name: "set the health of a server", weight: 6, obstacle: obstacle, act: failServer),
            .init(
                name: Self.datacenterFails, obstacle: obstacle,
                act: { [self] in try failDatacenter(random.one(of: Datacenter.allCases)) }),
            .init(name: "kill or stop the agent", weight: 2, obstacle: obstacle, act: disturbAgent),
        ]
    }

    /// The name of the action that each run begins with.
    static let datacenterFails = "let a datacenter fail and come back"

    private var processActions: [ActionDeck.Kind] {
        [
            .init(name: "kill or stop a compiler", weight: 3, act: disturbCompiler),
            .init(
                name: "kill a coprocess of pdns", weight: 2, isPossible: { [self] in isWhole && !isInNeed },
                act: killCoprocess),
            .init(
                name: "kill a coprocess on pipes", weight: 3,
                obstacle: pipes.isEmpty ? "there are none" : nil, isPossible: { [self] in isWhole && !isInNeed },
                act: killCoprocessOnPipe),
            .init(name: "stop a coprocess", weight: 3, act: stopCoprocess),
        ]
    }

    private var machineFaults: [ActionDeck.Kind] {
        let obstacle = site.disk == nil ? "this user may not mount" : nil
        return [
            .init(name: "fill the disk", weight: 3, obstacle: obstacle, act: fillDisk),
            .init(name: "make the state directory read-only", obstacle: obstacle, act: makeDiskReadOnly),
            .init(name: "exhaust descriptors", weight: 2, act: exhaustDescriptors),
            .init(name: "exhaust memory (address space)", weight: 2, act: exhaustMemory),
            .init(
                name: "set the clock", weight: 3, obstacle: clock == nil ? "no clock library was given" : nil,
                act: stepClock),
        ]
    }
}
