import Foundation
import Support

/// Headless Chromium, driven by the DevTools protocol over two pipes: without a port, with JSON messages that end with
/// a NUL. Source: https://chromedevtools.github.io/devtools-protocol/
///
/// An operation longer than `timeout` is an error. Any thread may use it.
final class Browser: @unchecked Sendable {
    typealias Message = [String: Any]

    struct Fault: Error, CustomStringConvertible { var description: String }

    /// The time limit on a busy machine; it only decides how soon a hang is reported.
    static let timeout = 60.0

    /// The events that are kept for `events`.
    private static let kept: Set = [
        "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening",
        "Network.requestWillBeSent",
    ]

    private let process: Process
    private let output: URL
    private let (writing, reading): (CInt, CInt)
    /// Guards the following properties.
    private let condition = NSCondition()
    private var lastIdentifier = 0
    private var answers: [Int: Message] = [:]
    private var events: [(session: String, method: String, parameters: Message)] = []
    private var isOver = false

    /// - Parameter folder: the folder of its profile and pipes.
    init(in folder: URL) throws {
        let pipes = ["in", "out"].map { folder.appending(path: "browser-\($0)").path }
        for pipe in pipes where mkfifo(pipe, 0o600) != 0 { throw Fault(description: "no pipe at \(pipe)") }
        // Neither open waits for the browser, and a write to a closed pipe is not fatal.
        reading = open(pipes[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        writing = open(pipes[0], O_RDWR | O_CLOEXEC)
        output = folder.appending(path: "browser-log")
        try Data().write(to: output)
        // Root has no sandbox; its shared memory is in files of the folder. Time advances in all of its windows.
        let arguments = [
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-background-timer-throttling",
            "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--force-device-scale-factor=1",
            "--user-data-dir=\(folder.path)/profile", "about:blank",
        ]
        process = try Tool("sh").start(
            ["-c", "exec \"$@\" 3<\"$0/browser-in\" 4>\"$0/browser-out\"", folder.path, try Tool("chromium").path]
                + arguments, seconds: 1_800, output: try FileHandle(forWritingTo: output))
        Thread.detachNewThread { [self] in read() }
    }

    /// Ends the browser.
    func close() {
        _ = try? call("Browser.close")
        if !eventually({ !process.isRunning }) { process.terminate() }
        process.waitUntilExit()
        // The reading thread closes its own end.
        Foundation.close(writing)
    }

    /// Sends a command, and returns its result.
    ///
    /// - Parameter session: the tab of the command; `nil` for the browser itself.
    @discardableResult
    func call(_ method: String, _ parameters: Message = [:], session: String? = nil) throws -> Message {
        condition.lock()
        defer { condition.unlock() }
        lastIdentifier += 1
        let identifier = lastIdentifier
        var message: Message = ["id": identifier, "method": method, "params": parameters]
        message["sessionId"] = session
        send(message)
        let end = Date(timeIntervalSinceNow: Self.timeout)
        while answers[identifier] == nil {
            guard !isOver, condition.wait(until: end) else {
                let said = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
                throw Fault(description: "\(method) has no answer; the browser says:\n\(said.suffix(4_000))")
            }
        }
        let answer = answers.removeValue(forKey: identifier) ?? [:]
        if let error = answer["error"] as? Message { throw Fault(description: "\(method): \(error)") }
        return answer["result"] as? Message ?? [:]
    }

    /// The events of a tab since it was opened, or since they were cleared.
    func events(of session: String) -> [(method: String, parameters: Message)] {
        condition.withLock { events.filter { $0.session == session }.map { ($0.method, $0.parameters) } }
    }

    func forgetEvents(of session: String) {
        condition.withLock { events.removeAll { $0.session == session } }
    }

    /// Called with the lock held.
    private func send(_ message: Message) {
        guard var bytes = (try? JSONSerialization.data(withJSONObject: message)).map({ Array($0) }) else { return }
        bytes.append(0)
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes { write(writing, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            start += count
        }
    }

    /// Reads all messages to the end.
    private func read() {
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var ready = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            poll(&ready, 1, 200)
            let count = Foundation.read(reading, &chunk, chunk.count)
            guard count > 0 else {
                // Until the browser has opened its end, there is nothing to read, either.
                guard process.isRunning else { break }
                usleep(5_000)
                continue
            }
            pending += chunk[..<count]
            while let end = pending.firstIndex(of: 0) {
                take(Data(pending[..<end]))
                pending.removeSubrange(...end)
            }
        }
        Foundation.close(reading)
        condition.withLock {
            isOver = true
            condition.broadcast()
        }
    }

    private func take(_ data: Data) {
        guard let message = (try? JSONSerialization.jsonObject(with: data)) as? Message else { return }
        condition.withLock {
            if let identifier = message["id"] as? Int {
                answers[identifier] = message
                condition.broadcast()
            } else if let method = message["method"] as? String {
                let session = message["sessionId"] as? String ?? ""
                guard Self.kept.contains(method) else { return }
                events.append((session, method, message["params"] as? Message ?? [:]))
                // A dialog blocks the page and all commands until it is closed.
                guard method == "Page.javascriptDialogOpening" else { return }
                lastIdentifier += 1
                send([
                    "id": lastIdentifier, "method": "Page.handleJavaScriptDialog", "params": ["accept": false],
                    "sessionId": session,
                ])
            }
        }
    }
}

/// A page in its own window.
final class Tab: @unchecked Sendable {
    private let browser: Browser
    private let context: String
    private let session: String

    init(_ browser: Browser, width: Int = 1_280, height: Int = 800, isDark: Bool = false) throws {
        func text(_ message: Browser.Message, _ key: String) throws -> String {
            guard let text = message[key] as? String else { throw Browser.Fault(description: "no \(key): \(message)") }
            return text
        }
        self.browser = browser
        context = try text(try browser.call("Target.createBrowserContext"), "browserContextId")
        let target = try text(
            try browser.call(
                "Target.createTarget",
                [
                    "url": "about:blank", "browserContextId": context, "newWindow": true, "width": width,
                    "height": height,
                ]),
            "targetId")
        session = try text(
            try browser.call("Target.attachToTarget", ["targetId": target, "flatten": true]), "sessionId")
        for domain in ["Page", "Runtime", "Log", "Network"] { try call("\(domain).enable") }
        try call("Emulation.setFocusEmulationEnabled", ["enabled": true])
        try call(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
        let theme = ["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]
        try call("Emulation.setEmulatedMedia", ["features": [theme]])
    }

    func close() {
        _ = try? browser.call("Target.disposeBrowserContext", ["browserContextId": context])
        browser.forgetEvents(of: session)
    }

    @discardableResult
    func call(_ method: String, _ parameters: Browser.Message = [:]) throws -> Browser.Message {
        try browser.call(method, parameters, session: session)
    }

    func open(_ url: String) throws {
        let answer = try call("Page.navigate", ["url": url])
        if let error = answer["errorText"] { throw Browser.Fault(description: "\(url): \(error)") }
    }

    /// Returns the value of a JavaScript expression as JSON; waits for a promise.
    @discardableResult
    func evaluate(_ expression: String) throws -> Any? {
        let answer = try call(
            "Runtime.evaluate", ["expression": expression, "returnByValue": true, "awaitPromise": true])
        if let exception = answer["exceptionDetails"] {
            throw Browser.Fault(description: "\(expression): \(exception)")
        }
        return (answer["result"] as? Browser.Message)?["value"]
    }

    func text(_ expression: String) throws -> String { try evaluate(expression) as? String ?? "" }

    func number(_ expression: String) throws -> Double { (try evaluate(expression) as? NSNumber)?.doubleValue ?? .nan }

    /// Waits until an expression is true, and runs an action before each test. An expression that fails counts as
    /// false.
    func wait(for expression: String, doing action: () throws -> Void = {}) throws {
        let isTrue = try eventually(within: .seconds(Browser.timeout)) {
            try action()
            return try evaluate("(() => { try { return Boolean(\(expression)) } catch { return false } })()") as? Bool
                == true
        }
        guard isTrue else {
            let view = try text("JSON.stringify(window.geopipe?.view() ?? document.body.innerText).slice(0, 4000)")
            throw Browser.Fault(description: "never true: \(expression); the page has \(view); \(diagnostics())")
        }
    }

    /// Presses a key.
    ///
    /// - Parameter code: the code of a key that types no character.
    func press(_ key: String, code: Int? = nil) throws {
        var down: Browser.Message = ["type": code == nil ? "keyDown" : "rawKeyDown", "key": key]
        if let code { down["windowsVirtualKeyCode"] = code } else { down["text"] = key }
        try call("Input.dispatchKeyEvent", down)
        down["type"] = "keyUp"
        down["text"] = nil
        try call("Input.dispatchKeyEvent", down)
    }

    /// Returns a screenshot as PNG.
    func picture() throws -> [UInt8] {
        let answer = try call("Page.captureScreenshot", ["format": "png"])
        return Array(Data(base64Encoded: answer["data"] as? String ?? "") ?? Data())
    }

    /// The memory of JavaScript in bytes, and the number of nodes, after garbage collection.
    func memory() throws -> (heap: Double, nodes: Int) {
        // The next collection frees what this one finalizes.
        for _ in 0..<2 { try call("HeapProfiler.collectGarbage") }
        let heap = (try call("Runtime.getHeapUsage")["usedSize"] as? NSNumber)?.doubleValue ?? .nan
        return (heap, (try call("Memory.getDOMCounters")["nodes"] as? NSNumber)?.intValue ?? -1)
    }

    /// The browser's problems: exceptions, errors and warnings, dialogs, and violations of the page's policy.
    func diagnostics() -> [String] {
        browser.events(of: session).compactMap { method, parameters in
            switch method {
            case "Runtime.exceptionThrown", "Page.javascriptDialogOpening": return "\(method): \(parameters)"
            case "Runtime.consoleAPICalled":
                let kind = parameters["type"] as? String ?? ""
                return ["error", "warning", "assert"].contains(kind) ? "\(method): \(parameters)" : nil
            case "Log.entryAdded":
                let entry = parameters["entry"] as? Browser.Message ?? [:]
                return ["error", "warning"].contains(entry["level"] as? String ?? "") ? "\(entry)" : nil
            default: return nil
            }
        }
    }

    /// The URLs of all requests.
    func requests() -> [String] {
        browser.events(of: session).compactMap { method, parameters in
            guard method == "Network.requestWillBeSent" else { return nil }
            return (parameters["request"] as? Browser.Message)?["url"] as? String
        }
    }
}
