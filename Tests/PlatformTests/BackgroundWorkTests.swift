import Platform
import Testing

@Suite("Background work")
struct BackgroundWorkTests {
    @Test("several works run at once, and each result is waited for")
    func result() {
        let works = (0..<8).map { number in BackgroundWork { (0...number).reduce(0, +) } }
        #expect(works.map { $0.wait() } == [0, 1, 3, 6, 10, 15, 21, 28])
    }
}
