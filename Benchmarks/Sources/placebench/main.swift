// Measures the lookup of an address, without pipes and DNS.
import Glibc

let usage = """
    usage: placebench DATABASE SIMPLE.yaml WORLD.yaml
    Prints ns per lookup, in the first map of each configuration and through libmaxminddb. Each line is the name of a figure, its median
    and the ends of its 95% interval.

    """

func diagnose(_ text: String) { _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) } }

let arguments = CommandLine.arguments
do {
    guard arguments.count == 4 else {
        diagnose(usage)
        exit(2)
    }
    try measureLookups(database: arguments[1], simple: arguments[2], world: arguments[3])
} catch {
    diagnose("placebench: \(error)\n")
    exit(1)
}
