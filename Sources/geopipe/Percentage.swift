import ArgumentParser

/// A percentage from 1 to 100.
struct Percentage: ExpressibleByArgument {
    let value: Int

    init(value: Int) { self.value = value }

    init?(argument: String) {
        guard let value = Int(argument.hasSuffix("%") ? String(argument.dropLast()) : argument), 1...100 ~= value else {
            return nil
        }
        self.value = value
    }

    var defaultValueDescription: String { "\(value)%" }
}
