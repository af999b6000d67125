import State
import Telemetry

/// Metrics of the vantage points.
enum VantageMetrics {
    /// - Parameters:
    ///   - panel: `nil` without vantage points, which gives metrics without samples.
    ///   - overruled: the number of addresses whose state differs from this agent's checks.
    ///   - now: seconds of the monotonic clock.
    static func write(to text: inout PrometheusText, _ panel: VantagePanel?, overruled: Int, at now: Double) {
        let standing = panel?.standing([], overruled: overruled, at: now, time: 0)
        text.metric(
            "geopipe_vantage_cut_off", .gauge,
            help: "Whether fewer than half of the other vantage points can be read, so that own checks decide.")
        if let standing { text.sample("geopipe_vantage_cut_off", standing.way == .cutOff ? 1 : 0) }
        text.metric(
            "geopipe_vantage_overruled", .gauge,
            help: "Addresses that most vantage points see otherwise than this agent.")
        if standing != nil { text.sample("geopipe_vantage_overruled", overruled) }
        let others = standing?.others ?? []
        text.metric(
            "geopipe_vantage_point_up", .gauge, help: "Whether another vantage point has a report that counts.")
        for point in others {
            text.sample("geopipe_vantage_point_up", point.state == .fresh ? 1 : 0, ["name": point.name])
        }
        text.metric(
            "geopipe_vantage_reads_total", .counter, help: "How often another vantage point was asked for its report.")
        for member in panel?.members ?? [] where !member.isOwn {
            text.sample(
                "geopipe_vantage_reads_total", member.reads, ["name": member.point.name, "result": "success"])
            text.sample(
                "geopipe_vantage_reads_total", member.failures, ["name": member.point.name, "result": "failure"])
        }
    }
}
