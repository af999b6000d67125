// Measures what stands behind an answer, without pipes: the lookup of an address, and the making of the tables for it.
import Glibc

let usage = """
    usage: placebench lookup DATABASE SIMPLE.yaml WORLD.yaml
           placebench compile DATABASE CONFIGURATION.yaml
    Prints a figure a line: its name, its median and, of repeated ones, the ends of its 95% interval.
    lookup   ns a lookup in the first map of each configuration, and through libmaxminddb
    compile  how long the maps of the configuration take, and how large their tables are

    """

func complain(_ text: String) { _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) } }

let arguments = CommandLine.arguments
do {
    switch arguments.count > 1 ? arguments[1] : "" {
    case "lookup" where arguments.count == 5:
        try measureLookups(database: arguments[2], simple: arguments[3], world: arguments[4])
    case "compile" where arguments.count == 4:
        try measureCompilation(database: arguments[2], configuration: arguments[3])
    default:
        complain(usage)
        exit(2)
    }
} catch {
    complain("placebench: \(error)\n")
    exit(1)
}
