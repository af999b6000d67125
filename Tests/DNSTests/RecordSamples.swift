import Testing

/// Records in the form of zone files, in wire format, and in the form of pdns.
let recordSamples: [RecordSample] = [
    .init("A", "192.0.2.1", "c0000201", "192.0.2.1"),
    .init("A", "0.0.0.0", "00000000", "0.0.0.0"),
    .init("A", "255.255.255.255", "ffffffff", "255.255.255.255"),
    .init("A", "\\# 4 c0000201", "c0000201", "192.0.2.1"),
    .init("A", "\\# 4 c0 00 02 01", "c0000201", "192.0.2.1"),
    .init("AAAA", "2001:db8::1", "20010db8000000000000000000000001", "2001:db8::1"),
    .init("AAAA", "::", "00000000000000000000000000000000", "::"),
    .init("AAAA", "::1", "00000000000000000000000000000001", "::1"),
    .init("AAAA", "1::", "00010000000000000000000000000000", "1::"),
    .init("AAAA", "::ffff:192.0.2.1", "00000000000000000000ffffc0000201", "::ffff:c000:201"),
    .init("AAAA", "2001:DB8:0:0:1:0:0:1", "20010db8000000000001000000000001", "2001:db8::1:0:0:1"),
    .init("AAAA", "1:0:2:3:4:5:6:7", "00010000000200030004000500060007", "1:0:2:3:4:5:6:7"),
    .init("AAAA", "1:2:3:4:5:6:7::", "00010002000300040005000600070000", "1:2:3:4:5:6:7:0"),
    .init("AAAA", "0:0:1::", "00000000000100000000000000000000", "0:0:1::"),
    .init(
        "AAAA", "fe80:0000:0000:0000:0202:b3ff:fe1e:8329", "fe800000000000000202b3fffe1e8329",
        "fe80::202:b3ff:fe1e:8329"),
    .init("NS", "ns1", "036e7331076578616d706c6503636f6d00", "ns1.example.com"),
    .init("NS", "Ns1.Example.NET.", "034e7331074578616d706c65034e455400", "Ns1.Example.NET"),
    .init("CNAME", "www", "03777777076578616d706c6503636f6d00", "www.example.com"),
    .init("CNAME", "@", "076578616d706c6503636f6d00", "example.com"),
    .init("CNAME", ".", "00", "."),
    .init("CNAME", "*.example.net.", "012a076578616d706c65036e657400", "*.example.net"),
    .init("CNAME", #"a\.b.example.net."#, "03612e62076578616d706c65036e657400", #"a\.b.example.net"#),
    .init(
        "CNAME", #"a\032b\000\255.example.net."#, "0561206200ff076578616d706c65036e657400",
        #"a\032b\000\255.example.net"#),
    .init("CNAME", "_sip._tcp.example.net.", "045f736970045f746370076578616d706c65036e657400", "_sip._tcp.example.net"),
    .init("CNAME", #"a\"b\;c\(d\)\@\$e.net."#, "0b6122623b63286429402465036e657400", #"a"b;c(d)@$e.net"#),
    .init(
        "CNAME", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.net.",
        "3f616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161076578616d706c65036e657400",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.net"),
    .init("CNAME", "\\# 13 03777777076578616d706c6500", "03777777076578616d706c6500", "www.example"),
    .init("DNAME", "example.net.", "076578616d706c65036e657400", "example.net"),
    .init("PTR", "host", "04686f7374076578616d706c6503636f6d00", "host.example.com"),
    .init("MX", "10 mail", "000a046d61696c076578616d706c6503636f6d00", "10\tmail.example.com"),
    .init("MX", "0 .", "000000", "0\t."),
    .init("MX", "65535 Mail.example.net.", "ffff044d61696c076578616d706c65036e657400", "65535\tMail.example.net"),
    .init("TXT", #""v=spf1 -all""#, "0b763d73706631202d616c6c", #""v=spf1 -all""#),
    .init("TXT", #"one two "three four""#, "036f6e650374776f0a746872656520666f7572", #""one" "two" "three four""#),
    .init("TXT", #""""#, "00", #""""#),
    .init("TXT", #""a\"b\\c\000\255\;" d\"e\ f"#, "086122625c6300ff3b056422652066", #""a\"b\\c\000\255;" "d\"e f""#),
    .init("TXT", "\\# 4 03616263", "03616263", #""abc""#),
    .init("TXT", "\"tab\tinside\"", "0a74616209696e73696465", #""tab\009inside""#),
    .init("TXT", "=a=b=", "053d613d623d", #""=a=b=""#),
    .init("SPF", #""v=spf1" -all"#, "06763d73706631042d616c6c", #""v=spf1" "-all""#),
    .init("SRV", "10 60 5060 sip", "000a003c13c403736970076578616d706c6503636f6d00", "10\t60 5060 sip.example.com"),
    .init("SRV", "0 0 0 .", "00000000000000", "0\t0 0 ."),
    .init(
        "SOA", "ns1 hostmaster.example.net. 2024010101 3h 1h30m 1w 5m",
        "036e7331076578616d706c6503636f6d000a686f73746d6173746572076578616d706c65036e65740078a3f17500002a300000151800093a800000012c",
        "ns1.example.com hostmaster.example.net 2024010101 10800 5400 604800 300"),
    .init("SOA", ". . 0 0 0 0 0", "00000000000000000000000000000000000000000000", ". . 0 0 0 0 0"),
    .init(
        "SOA", #"ns1 a\.b 4294967295 2147483647 2147483647 2147483647 2147483647"#,
        "036e7331076578616d706c6503636f6d0003612e62076578616d706c6503636f6d00ffffffff7fffffff7fffffff7fffffff7fffffff",
        #"ns1.example.com a\.b.example.com 4294967295 2147483647 2147483647 2147483647 2147483647"#),
    .init("HINFO", "PC Linux", "025043054c696e7578", #""PC" "Linux""#),
    .init("HINFO", #""" "\255""#, "0001ff", #""" "\255""#),
    .init(
        "RP", "admin people", "0561646d696e076578616d706c6503636f6d000670656f706c65076578616d706c6503636f6d00",
        "admin.example.com people.example.com"),
    .init("RP", ". .", "0000", ". ."),
    .init("AFSDB", "1 afs", "000103616673076578616d706c6503636f6d00", "1 afs.example.com"),
    .init("KX", "10 kx", "000a026b78076578616d706c6503636f6d00", "10 kx.example.com"),
    .init("KX", "0 .", "000000", "0 ."),
    .init(
        "NAPTR", #"100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" ."#,
        "0064000a0175074532552b7369701b215e2e2a24217369703a696e666f406578616d706c652e636f6d2100",
        #"100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" ."#),
    .init(
        "NAPTR", #"65535 0 "" "" "!^\\+43(\\d+)$!\\1!" other"#,
        "ffff0000000010215e5c2b3433285c642b2924215c3121056f74686572076578616d706c6503636f6d00",
        #"65535 0 "" "" "!^\\+43(\\d+)$!\\1!" other.example.com"#),
    .init(
        "NAPTR", #"1 1 s SIP+D2U "" _sip._udp"#,
        "000100010173075349502b44325500045f736970045f756470076578616d706c6503636f6d00",
        #"1 1 "s" "SIP+D2U" "" _sip._udp.example.com"#),
    .init(
        "CAA", #"0 issue "ca.example.net""#, "0005697373756563612e6578616d706c652e6e6574", #"0 issue "ca.example.net""#),
    .init("CAA", #"128 issuewild ";""#, "8009697373756577696c643b", #"128 issuewild ";""#),
    .init(
        "CAA", "0 iodef mailto:security@example.com",
        "0005696f6465666d61696c746f3a7365637572697479406578616d706c652e636f6d",
        #"0 iodef "mailto:security@example.com""#),
    .init("CAA", #"0 "issue" """#, "00056973737565", #"0 issue """#),
    .init("CAA", #"255 Tag9 "a\"b\\\000\255""#, "ff04546167396122625c00ff", #"255 Tag9 "a\"b\\\000\255""#),
    .init(
        "URI", #"10 1 "https://www.example.com/a b""#, "000a000168747470733a2f2f7777772e6578616d706c652e636f6d2f612062",
        #"10 1 "https://www.example.com/a b""#),
    .init("URI", #"0 65535 "a\"\\\001""#, "0000ffff61225c01", #"0 65535 "a\"\\\001""#),
    .init(
        "TLSA", "3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "03010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init("TLSA", "255 255 255 D2 AB", "ffffffd2ab", "255 255 255 d2ab"),
    .init(
        "TLSA", "3 1 1 00112233445566778899aabbccddeeff 001122334455667 78899aabbccddeeff",
        "03010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init("SMIMEA", "3 1 1 00112233", "03010100112233", "3 1 1 00112233"),
    .init(
        "SSHFP", "2 1 00112233445566778899AABBCCDDEEFF00112233", "020100112233445566778899aabbccddeeff00112233",
        "2 1 00112233445566778899aabbccddeeff00112233"),
    .init(
        "SSHFP", "4 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "040200112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "4 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init(
        "LOC", "59 55 0 N 10 44 0 E 20m", "001216138cdb5220824d998000989e50",
        "59 55 0.000 N 10 44 0.000 E 20.00m 1.00m 10000.00m 10.00m"),
    .init(
        "LOC", "33 51 25 S 151 12 55 E 5m 30m", "0033161378bc2eb8a07280d800989874",
        "33 51 25.000 S 151 12 55.000 E 5.00m 30.00m 10000.00m 10.00m"),
    .init(
        "LOC", "1 17 11.5 N 103 51 0.25 E -2.5m 1m 200m", "001224138046abcc9648a79a00989586",
        "1 17 11.500 N 103 51 0.250 E -2.50m 1.00m 200.00m 10.00m"),
    .init(
        "LOC", "00 00 00 N 00 08 05 W 10m", "00121613800000007ff8997800989a68",
        "0 0 0.000 N 0 8 5.000 W 10.00m 1.00m 10000.00m 10.00m"),
    .init(
        "LOC", "22 54 30 s 43 11 47 w 10m", "001216137b159b9076bb26c800989a68",
        "22 54 30.000 S 43 11 47.000 W 10.00m 1.00m 10000.00m 10.00m"),
    .init(
        "LOC", "59 N 10 E 0", "001216138ca8f7808225510000989680",
        "59 0 0.000 N 10 0 0.000 E 0.00m 1.00m 10000.00m 10.00m"),
    .init(
        "LOC", "59 54 N 10 45 E 0m 0.00m 0.01m 0.09m", "000010908cda67c0824e83e000989680",
        "59 54 0.000 N 10 45 0.000 E 0.00m 0.00m 0.01m 0.09m"),
    .init(
        "LOC", "90 S 180 w -100000.00m 40000000m 9000000.00 1", "004998126cb0270059604e0000000000",
        "90 0 0.000 S 180 0 0.000 W -100000.00m 40000000.00m 9000000.00m 1.00m"),
    .init(
        "LOC", "90 n 180 E 42849672.95m 10m 100m 1000m", "00131415934fd900a69fb200ffffffff",
        "90 0 0.000 N 180 0 0.000 E 42849672.95m 10.00m 100.00m 1000.00m"),
    .init(
        "LOC", "0 0 0.001 S 0 0 59.999 W 0.01m", "001216137fffffff7fff15a100989681",
        "0 0 0.001 S 0 0 59.999 W 0.01m 1.00m 10000.00m 10.00m"),
    .init(
        "LOC", "1 2 3.4 S 4 5 6.78 E -99999.99m", "001216137fc72f7880e0685c00000001",
        "1 2 3.400 S 4 5 6.780 E -99999.99m 1.00m 10000.00m 10.00m"),
    .init(
        "LOC", "1 2 3 S 4 5 6 E 12.3m 12.34m 99.99m 0.5m", "001393517fc7310880e0655000989b4e",
        "1 2 3.000 S 4 5 6.000 E 12.30m 10.00m 90.00m 0.50m"),
    .init("CERT", "1 12345 8 AwEAAQ==", "000130390803010001", "1 12345 8 AwEAAQ=="),
    .init("CERT", "PKIX 65535 RSASHA256 AwEA AQ==", "0001ffff0803010001", "1 65535 8 AwEAAQ=="),
    .init("CERT", "OID 0 0 AA==", "00fe00000000", "254 0 0 AA=="),
    .init(
        "DS", "12345 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "30390d0200112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "12345 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init(
        "DS", "54321 RSASHA1 1 00112233445566778899AABB CCDDEEFF00112233",
        "d431050100112233445566778899aabbccddeeff00112233", "54321 5 1 00112233445566778899aabbccddeeff00112233"),
    .init("CDS", "0 0 0 00", "0000000000", "0 0 0 00"),
    .init(
        "CDS", "12345 13 SHA-256 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "30390d0200112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "12345 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init(
        "DLV", "12345 8 1 00112233445566778899aabbccddeeff00112233", "3039080100112233445566778899aabbccddeeff00112233",
        "12345 8 1 00112233445566778899aabbccddeeff00112233"),
    .init("DNSKEY", "257 3 13 AwEAAQ==", "0101030d03010001", "257 3 13 AwEAAQ=="),
    .init("DNSKEY", "256 3 RSASHA256 AAECAwQF BgcICQ==", "0100030800010203040506070809", "256 3 8 AAECAwQFBgcICQ=="),
    .init("CDNSKEY", "0 3 0 AA==", "0000030000", "0 3 0 AA=="),
    .init("CDNSKEY", "257 3 ED25519 AwEAAQ==", "0101030f03010001", "257 3 15 AwEAAQ=="),
    .init("RKEY", "0 3 1 AwEA", "00000301030100", "0 3 1 AwEA"),
    .init("KEY", "512 3 1 AwEAAQ==", "0200030103010001", "512 3 1 AwEAAQ=="),
    .init(
        "RRSIG", "A 13 3 300 20260201000000 20260101000000 12345 example.com. AwEAAQ==",
        "00010d030000012c697e97806955b9003039076578616d706c6503636f6d0003010001",
        "A 13 3 300 1769904000 1767225600 12345 example.com AwEAAQ=="),
    .init(
        "RRSIG", "TYPE65281 RSASHA512 0 4294967295 4294967295 0 65535 . AwEA",
        "ff010a00ffffffffffffffff00000000ffff00030100", "TYPE65281 10 0 4294967295 4294967295 0 65535 . AwEA"),
    .init(
        "RRSIG", "SOA 13 3 1h 20380119031408 20240229235959 1 @ AwEA",
        "00060d0300000e108000000065e11a7f0001076578616d706c6503636f6d00030100",
        "SOA 13 3 3600 2147483648 1709251199 1 example.com AwEA"),
    .init(
        "SIG", "A 13 3 300 20260201000000 20260101000000 12345 example.com. AwEAAQ==",
        "00010d030000012c697e97806955b9003039076578616d706c6503636f6d0003010001",
        "\\# 35 00010d030000012c697e97806955b9003039076578616d706c6503636f6d0003010001"),
    .init(
        "NSEC", "www A RRSIG NSEC", "03777777076578616d706c6503636f6d000006400000000003", "www.example.com A RRSIG NSEC"
    ),
    .init(
        "NSEC", ". TYPE65534 CAA A AAAA TYPE256 TYPE999",
        "000004400000080101c0031d0000000000000000000000000000000000000000000000000000000001ff200000000000000000000000000000000000000000000000000000000000000002",
        ". A AAAA URI CAA TYPE999 TYPE65534"),
    .init(
        "NSEC", "b.example.net. A NSEC TYPE4321 WKS X25 SIG A6 ALIAS DLV",
        "0162076578616d706c65036e6574000006401010800201101d0000000000000000000000000000000000000000000000000000000040800140ff1000000000000000000000000000000040",
        "b.example.net A TYPE11 TYPE19 TYPE24 TYPE38 NSEC TYPE4321 DLV ALIAS"),
    .init(
        "NSEC3", "1 1 12 aabbccdd 0123456789abcdefghijklmnopqrstuv A RRSIG",
        "0101000c04aabbccdd1400443214c74254b635cf84653a56d7c675be77df0006400000000002",
        "1 1 12 aabbccdd 0123456789ABCDEFGHIJKLMNOPQRSTUV A RRSIG"),
    .init(
        "NSEC3", "1 0 0 - VUTSRQPONMLKJIHGFEDCBA9876543210", "010000000014ffbbcdeb38bdab49ca307b9ac5a928398a418820",
        "1 0 0 - VUTSRQPONMLKJIHGFEDCBA9876543210"),
    .init("NSEC3PARAM", "1 0 10 aabb", "0100000a02aabb", "1 0 10 aabb"),
    .init("NSEC3PARAM", "1 255 65535 -", "01ffffff00", "1 255 65535 -"),
    .init("OPENPGPKEY", "AwEAAQ==", "03010001", "AwEAAQ=="),
    .init("OPENPGPKEY", "AQMF /w==", "010305ff", "AQMF/w=="),
    .init("DHCID", "AAECAwQFBgcICQ==", "00010203040506070809", "AAECAwQFBgcICQ=="),
    .init(
        "IPSECKEY", "10 1 2 192.0.2.1 AAECAwQFBgcICQ==", "0a0102c000020100010203040506070809",
        "10 1 2 192.0.2.1 AAECAwQFBgcICQ=="),
    .init("IPSECKEY", "10 0 2 . AAECAwQF", "0a0002000102030405", "10 0 2 AAECAwQF"),
    .init(
        "IPSECKEY", "10 2 2 2001:db8::1 AAECAwQF", "0a020220010db8000000000000000000000001000102030405",
        "10 2 2 2001:db8::1 AAECAwQF"),
    .init(
        "IPSECKEY", "10 3 1 gw AAECAwQF", "0a0301026777076578616d706c6503636f6d00000102030405",
        "10 3 1 gw.example.com AAECAwQF"),
    .init("IPSECKEY", "10 1 0 192.0.2.1", "0a0100c0000201", "10 1 0 192.0.2.1"),
    .init("IPSECKEY", "255 0 0 .", "ff0000", "255 0 0"),
    .init("CSYNC", "2026010101 3 A NS AAAA", "78c275f50003000460000008", "2026010101 3 A NS AAAA"),
    .init("CSYNC", "0 0", "000000000000", "0 0"),
    .init(
        "ZONEMD",
        "2026010101 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF",
        "78c275f5010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "2026010101 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    ),
    .init(
        "MINFO", "admin errors", "0561646d696e076578616d706c6503636f6d00066572726f7273076578616d706c6503636f6d00",
        "admin.example.com errors.example.com"),
    .init("MB", "mail", "046d61696c076578616d706c6503636f6d00", "mail.example.com"),
    .init("MG", "somebody", "08736f6d65626f6479076578616d706c6503636f6d00", "somebody.example.com"),
    .init("MR", "somebody", "08736f6d65626f6479076578616d706c6503636f6d00", "somebody.example.com"),
    .init("EUI48", "00-00-5e-00-53-A1", "00005e0053a1", "00-00-5e-00-53-a1"),
    .init("EUI64", "00-00-5e-ef-10-00-00-a1", "00005eef100000a1", "00-00-5e-ef-10-00-00-a1"),
    .init("NID", "10 0012:34ff:fe56:789a", "000a001234fffe56789a", "10 0012:34ff:fe56:789a"),
    .init("NID", "0 0:1:23:ABC", "00000000000100230abc", "0 0000:0001:0023:0abc"),
    .init("L32", "10 10.2.3.0", "000a0a020300", "10 10.2.3.0"),
    .init("L64", "10 2001:0DB8:1234:5678", "000a20010db812345678", "10 2001:0db8:1234:5678"),
    .init(
        "LP", "10 l64-subnet1", "000a0b6c36342d7375626e657431076578616d706c6503636f6d00", "10 l64-subnet1.example.com"),
    .init(
        "APL", "1:198.51.100.0/22 !1:198.51.100.64/29", "00011603c6336400011d84c6336440",
        "1:198.51.100.0/22 !1:198.51.100.64/29"),
    .init(
        "APL", "2:2001:DB8:0:0:0:0:0:0/32 1:0.0.0.0/0 !2:::/128", "0002200420010db80001000000028080",
        "2:2001:db8::/32 1:0.0.0.0/0 !2:::/128"),
    .init(
        "APL", "1:10.0.0.1/32 2:2001:db8::1/128", "000120040a0000010002801020010db8000000000000000000000001",
        "1:10.0.0.1/32 2:2001:db8::1/128"),
    .init("SVCB", "0 svc.example.net.", "000003737663076578616d706c65036e657400", "0 svc.example.net"),
    .init("SVCB", "1 .", "000100", "1 ."),
    .init(
        "SVCB", "2 svc port=53 alpn=h2,h3", "000203737663076578616d706c6503636f6d0000010006026832026833000300020035",
        #"2 svc.example.com alpn="h2,h3" port=53"#),
    .init("SVCB", "1 . key667=text", "000100029b000474657874", #"1 . key667="text""#),
    .init("SVCB", #"1 . key667="a text\200""#, "000100029b0007612074657874c8", #"1 . key667="a text\200""#),
    .init("SVCB", "1 . key667", "000100029b0000", #"1 . key667="""#),
    .init("SVCB", #"1 . key668="" key667"#, "000100029b0000029c0000", #"1 . key667="" key668="""#),
    .init(
        "SVCB", #"1 . ipv6hint="2001:db8::1,2001:db8::2""#,
        "0001000006002020010db800000000000000000000000120010db8000000000000000000000002",
        "1 . ipv6hint=2001:db8::1,2001:db8::2"),
    .init(
        "SVCB", "2 svc mandatory=port,alpn port=8443 alpn=h2,h3",
        "000203737663076578616d706c6503636f6d000000000400010003000100060268320268330003000220fb",
        #"2 svc.example.com mandatory=alpn,port alpn="h2,h3" port=8443"#),
    .init(
        "SVCB", #"2 svc alpn="a\\\\b\\,c,h2""#, "000203737663076578616d706c6503636f6d000001000905615c622c63026832",
        #"2 svc.example.com alpn="a\\\\b\\,c,h2""#),
    .init(
        "SVCB", #"2 svc alpn=a\\\092b\092,c,h2"#, "000203737663076578616d706c6503636f6d000001000905615c622c63026832",
        #"2 svc.example.com alpn="a\\\\b\\,c,h2""#),
    .init(
        "SVCB", "1 . alpn=h2 no-default-alpn ech=AQMF/w==", "000100000100030268320002000000050004010305ff",
        #"1 . alpn="h2" no-default-alpn ech="AQMF/w==""#),
    .init(
        "SVCB", #"1 . ech="AQMF" key65534="\000\255""#, "00010000050003010305fffe000200ff",
        #"1 . ech="AQMF" key65534="\000\255""#),
    .init("SVCB", #"1 . alpn="a b\"c,\001""#, "000100000100080561206222630101", #"1 . alpn="a b\"c,\001""#),
    .init(
        "SVCB", "65535 . mandatory=key667,port key667=x port=65535", "ffff00000000040003029b00030002ffff029b000178",
        #"65535 . mandatory=port,key667 port=65535 key667="x""#),
    .init("HTTPS", "0 .", "000000", "0 ."),
    .init(
        "HTTPS", "1 . alpn=h2,h3 port=443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1",
        "000100000100060268320268330003000201bb00040008c0000201c00002020006001020010db8000000000000000000000001",
        #"1 . alpn="h2,h3" port=443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1"#),
    .init(
        "HTTPS", #"1 . key1="\002h2" key3="\001\187" key4="\192\000\002\001""#,
        "000100000100030268320003000201bb00040004c0000201", #"1 . alpn="h2" port=443 ipv4hint=192.0.2.1"#),
    .init(
        "SVCB", "1 . dohpath=/dns-query{?dns} alpn=h2", "00010000010003026832000700102f646e732d71756572797b3f646e737d",
        #"1 . alpn="h2" key7="/dns-query{?dns}""#),
    .init("SVCB", "1 . key8", "00010000080000", #"1 . key8="""#),
    .init("SVCB", #"1 . key8="x""#, "0001000008000178", #"1 . key8="x""#),
    .init("HTTPS", "1 . no-default-alpn ohttp", "0001000002000000080000", #"1 . no-default-alpn key8="""#),
    .init("WALLET", #""BTC" "a b""#, "0342544303612062", "\\# 8 0342544303612062"),
    .init("RESINFO", "qnamemin", "08716e616d656d696e", "\\# 9 08716e616d656d696e"),
    .init("HHIT", "AAEC", "000102", "\\# 3 000102"),
    .init("BRID", "AAEC", "000102", "\\# 3 000102"),
    .init("X25", "47200001", "083437323030303031", "\\# 9 083437323030303031"),
    .init("ISDN", #""4722000000""#, "0a34373232303030303030", "\\# 11 0a34373232303030303030"),
    .init("ISDN", #"4722000000 "12""#, "0a34373232303030303030023132", "\\# 14 0a34373232303030303030023132"),
    .init(
        "RT", "10 relay", "000a0572656c6179076578616d706c6503636f6d00",
        "\\# 21 000a0572656c6179076578616d706c6503636f6d00"),
    .init(
        "PX", "10 net prmd", "000a036e6574076578616d706c6503636f6d000470726d64076578616d706c6503636f6d00",
        "\\# 37 000a036e6574076578616d706c6503636f6d000470726d64076578616d706c6503636f6d00"),
    .init("GPOS", #""59.9" "10.7" "20""#, "0435392e390431302e37023230", "\\# 13 0435392e390431302e37023230"),
    .init("AVC", #"foo:bar "x y""#, "07666f6f3a62617203782079", "\\# 12 07666f6f3a62617203782079"),
    .init("NINFO", "foo bar", "03666f6f03626172", "\\# 8 03666f6f03626172"),
    .init(
        "TALINK", "a b", "0161076578616d706c6503636f6d000162076578616d706c6503636f6d00",
        "\\# 30 0161076578616d706c6503636f6d000162076578616d706c6503636f6d00"),
    .init("MD", "mail", "046d61696c076578616d706c6503636f6d00", "\\# 18 046d61696c076578616d706c6503636f6d00"),
    .init("MF", "mail", "046d61696c076578616d706c6503636f6d00", "\\# 18 046d61696c076578616d706c6503636f6d00"),
    .init("WKS", "\\# 6 0a0000010600", "0a0000010600", "\\# 6 0a0000010600"),
    .init("TYPE65281", "\\# 0", "", "\\# 0"),
    .init("TYPE65281", "\\# 4 ab cd ef01", "abcdef01", "\\# 4 abcdef01"),
    .init("TYPE11", "\\# 5 0a00000106", "0a00000106", "\\# 5 0a00000106"),
    .init("NULL", "\\# 1 ff", "ff", "\\# 1 ff"),
    .init(
        "TA", "12345 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "30390d0200112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "\\# 36 30390d0200112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .init("IPSECKEY", "10 0 2 AAECAwQF", "0a0002000102030405", "10 0 2 AAECAwQF"),
    .init("ALIAS", "www.example.net.", "03777777076578616d706c65036e657400", "www.example.net"),
    .init("LP", "0 .", "000000", "0 ."),
    .init("PTR", ".", "00", "."),
    .init("NAPTR", #"1 2 "" "" "" ."#, "0001000200000000", #"1 2 "" "" "" ."#),
    .init("URI", #"1 2 """#, "00010002", #"1 2 """#),
    .init(
        "SVCB", #"1 . port="443" ipv4hint="192.0.2.1""#, "0001000003000201bb00040004c0000201",
        "1 . port=443 ipv4hint=192.0.2.1"),
    .init("SVCB", "1 . key7", "00010000070000", #"1 . key7="""#),
    .init("APL", "1:10.255.255.255/9", "000109020a80", "1:10.128.0.0/9"),
    .init("NSAP-PTR", "www", "03777777076578616d706c6503636f6d00", "\\# 17 03777777076578616d706c6503636f6d00"),
]

struct RecordSample: CustomTestStringConvertible, Sendable {
    let type: String
    /// The data in the form of zone files; names are relative to example.com.
    let source: String
    /// The data in wire format, in hexadecimal.
    let wire: String
    let text: String

    init(_ type: String, _ source: String, _ wire: String, _ text: String) {
        (self.type, self.source, self.wire, self.text) = (type, source, wire, text)
    }

    var testDescription: String { "\(type) \(source)" }
}
