import Foundation

/// Datagrams that the kernel dropped because the receive buffer of a socket was full.
enum DroppedDatagrams {
    /// Returns how many the kernel has dropped at the IPv4 sockets with these local ports, since each was opened.
    ///
    /// The kernel's counters are in the last column of /proc/net/udp: proc(5).
    static func count(_ ports: Set<UInt16>) -> Int {
        let text = (try? String(contentsOfFile: "/proc/net/udp", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").dropFirst().reduce(0) { sum, line in
            let fields = line.split(separator: " ")
            guard fields.count > 2, let port = fields[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) }),
                ports.contains(port), let drops = Int(fields.last!)
            else { return sum }
            return sum + drops
        }
    }
}
