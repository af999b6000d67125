/// Finds the parameters with the least sum of squared residuals (Levenberg-Marquardt).
///
/// - Parameters:
///   - start: parameters near the minimum. From elsewhere the method may end at a local minimum.
///   - residuals: returns the same number of residuals for all parameters. A step to a value that is not finite is undone.
/// - Returns: the parameters, and the sum of their squared residuals.
func leastSquares(from start: [Double], residuals: ([Double]) -> [Double]) -> (parameters: [Double], sum: Double) {
    var parameters = start
    var current = residuals(parameters)
    var sum = squares(current)
    var damping = 1e-3
    for _ in 0..<200 where sum.isFinite {
        let slopes = parameters.indices.map { slope(of: residuals, at: parameters, along: $0) }
        var matrix = slopes.map { row in slopes.map { dot(row, $0) } }
        for i in matrix.indices { matrix[i][i] *= 1 + damping }
        guard let step = solution(of: matrix, slopes.map { -dot($0, current) }) else { break }
        let next = zip(parameters, step).map { $0 + $1 }
        let nextResiduals = residuals(next)
        let nextSum = squares(nextResiduals)
        guard nextSum.isFinite, nextSum <= sum else {
            damping *= 10
            if damping > 1e12 { break }
            continue
        }
        let isDone = sum - nextSum <= 1e-14 * sum
        (parameters, current, sum) = (next, nextResiduals, nextSum)
        damping = max(damping / 10, 1e-12)
        if isDone { break }
    }
    return (parameters, sum)
}

/// Solves a small system of linear equations; returns `nil` if the matrix is singular.
func solution(of matrix: [[Double]], _ right: [Double]) -> [Double]? {
    var rows = zip(matrix, right).map { $0 + [$1] }
    let count = rows.count
    for column in 0..<count {
        let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) }!
        guard rows[pivot][column] != 0, rows[pivot][column].isFinite else { return nil }
        rows.swapAt(column, pivot)
        for row in 0..<count where row != column {
            let factor = rows[row][column] / rows[column][column]
            for i in column...count { rows[row][i] -= factor * rows[column][i] }
        }
    }
    return (0..<count).map { rows[$0][count] / rows[$0][$0] }
}

private func slope(of residuals: ([Double]) -> [Double], at parameters: [Double], along index: Int) -> [Double] {
    let step = max(abs(parameters[index]), 1e-4) * 1e-6
    var before = parameters, after = parameters
    before[index] -= step
    after[index] += step
    return zip(residuals(before), residuals(after)).map { ($1 - $0) / (2 * step) }
}

private func squares(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 } }

private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
