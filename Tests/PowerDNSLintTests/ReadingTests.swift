import Foundation
import Testing

@testable import PowerDNSLint

/// Each expectation is the result of pdns 4.7.3 for the same text.
@Suite("pdns.conf is read as pdns reads it")
struct ReadingTests {
    private func value(_ name: String, of text: String) throws -> String? {
        let machine = try Machine()
        try machine.write(text, to: "pdns.conf")
        return try PowerDNSConfiguration(contentsOf: machine.path("pdns.conf"), for: machine.server)[name]?.value
    }

    @Test(
        "values",
        arguments: [
            ("a=1", "1"), ("  a\t = 1 2  ", "1 2"), ("a=", ""), ("a", ""), ("a=1\r\nb=2", "1"), ("a==1", "=1"),
            ("a=1\na=2", "2"), ("a=1\na", ""), ("a=\"1\"", "\"1\""), ("A=1\na=2", "2"), ("a=1\u{E9}", "1\u{E9}"),
        ])
    func values(text: String, expected: String) throws {
        #expect(try value("a", of: text) == expected)
    }

    @Test(
        "comments begin with the first # of a line, if that is at its start or after white space",
        arguments: [
            ("a=1 # b", "1"), ("a=1\t#b", "1"), ("a=1#b", "1#b"), ("a=1#b # c", "1#b # c"), ("#\na=1", "1"),
            ("a=1 #b=2", "1"),
        ])
    func comments(text: String, expected: String) throws {
        #expect(try value("a", of: text) == expected)
    }

    @Test("a line that is a comment sets nothing", arguments: ["#a=1", "  # a=1", "# b\\\na=1"])
    func commentedOut(text: String) throws {
        #expect(try value("a", of: text) == nil)
    }

    @Test(
        "a line continues after a \\ at its end",
        arguments: [
            ("a=1\\\n2", "12"), ("a=1 \\\n  2", "1   2"), ("a\\\n=1", "1"), ("a=1\\  \n2", "12"), ("a=1\\\r\n2", "12"),
            ("a=1 # b \\\na=2", "1"), ("a=1 \\\n# b", "1"), ("a=1 \\\n\nb=2", "1"), ("a=0\na=1\\", "0"),
        ])
    func continuation(text: String, expected: String) throws {
        #expect(try value("a", of: text) == expected)
    }

    @Test(
        "+= appends to the present value, or to the default",
        arguments: [
            ("a=1\na+=2", "1, 2"), ("a=\na+=2", "2"), ("a=1 + =2", "1 + =2"),
        ])
    func addition(text: String, expected: String) throws {
        #expect(try value("a", of: text) == expected)
    }

    @Test("+= adds to a default")
    func additionToDefault() throws {
        #expect(try value("allow-axfr-ips", of: "allow-axfr-ips+=192.0.2.1") == "127.0.0.0/8,::1, 192.0.2.1")
    }

    @Test("a += in a value ends the name")
    func additionInValue() throws {
        #expect(try value("a", of: "a=b+=2") == nil)
        #expect(try value("a=b", of: "a=b+=2") == "2")
    }

    @Test("the *.conf files of include-dir follow all of pdns.conf, in the order of their names in lower case")
    func includes() throws {
        let machine = try Machine()
        try machine.write("include-dir=~/d\na=0\nb=0\nc=0\n", to: "pdns.conf")
        try machine.write("a=upper\nb=upper", to: "d/B.conf")
        try machine.write("a=lower\nc=lower", to: "d/a.conf")
        try machine.write("a=low line\n", to: "d/_.conf")
        for ignored in ["c.CONF", ".c.conf", "c.conf~"] { try machine.write("a=no", to: "d/\(ignored)") }
        let settings = try PowerDNSConfiguration(contentsOf: machine.path("pdns.conf"), for: machine.server)
        #expect(["a", "b", "c"].map { settings[$0]?.value } == ["upper", "upper", "lower"])
    }

    @Test("a byte that is not UTF-8 affects nothing else")
    func latin1() throws {
        let machine = try Machine()
        try Data("# f".utf8 + [0xFC] + "r\na=1".utf8).write(to: machine.folder.appending(path: "pdns.conf"))
        #expect(
            try PowerDNSConfiguration(contentsOf: machine.path("pdns.conf"), for: machine.server)["a"]?.value == "1")
    }
}
