import Glibc

/// Returns the time of a clock in seconds. Only differences of times mean something.
func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Prints the median of `values` and its 95% confidence interval. It uses order statistics, which assume no distribution of the noise.
func report(_ name: String, _ values: [Double]) {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    let reach = Int((0.98 * Double(sorted.count).squareRoot()).rounded(.up))
    let median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    print(name, median, sorted[max(middle - reach, 0)], sorted[min(middle + reach, sorted.count - 1)])
}
