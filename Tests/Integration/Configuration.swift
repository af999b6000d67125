/// The configuration of all tests of this target. Each kind of client has its own answer, and each test that looks for
/// answers mixed up by a cache has its own name, so that the cache is cold.
let configuration = """
    databases: ["\(NameServer.project.path)/examples/demo/demo.mmdb"]

    datacenters: { oslo: {}, ashburn: {}, singapore: {}, elsewhere: {} }

    maps:
      browser:
        countries:  { NO: oslo, US: ashburn }
        continents: { EU: oslo, AS: singapore }
        default:    elsewhere
      everyone:
        default:    oslo
      some:
        networks:   { 198.51.100.0/24: [singapore, oslo] }
        countries:  { NO: none }
        default:    [ashburn, { random: [oslo, singapore] }]

    services:
      my:
        map: browser
        ttl: 60
        answers:
          oslo:      [192.0.2.10, "2001:db8:1::10"]
          ashburn:   [198.51.100.10, "2001:db8:2::10"]
          singapore: [203.0.113.10, "2001:db8:3::10"]
          elsewhere: [203.0.113.99, "2001:db8:4::10"]
      some:
        map: some
        ttl: 60
        spread: 2
        answers: { oslo: 192.0.2.10, ashburn: 198.51.100.10, singapore: 203.0.113.10 }
      everyone:
        map: everyone
        ttl: 60
        answers: { oslo: 192.0.2.10 }
      partly:
        map: browser
        ttl: 60
        answers:
          oslo:      [192.0.2.10, "2001:db8:1::10"]
          ashburn:   198.51.100.10
          singapore: 203.0.113.10
          elsewhere: 203.0.113.99
      alias:
        map: browser
        ttl: 60
        answers:
          oslo:      { CNAME: oslo.example.net. }
          ashburn:   { CNAME: ashburn.example.net. }
          singapore: { CNAME: singapore.example.net. }
          elsewhere: { CNAME: elsewhere.example.net. }

    zones:
      geo.example.com:
        soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 2024010101 }
        ns: [ns1.geo.example.com.]
        ttl: 300
        records:
          "@":         { MX: ["10 mail.geo.example.com.", "20 mail.example.net."], TXT: '"v=spf1 -all"' }
          ns1:         { A: 127.0.0.1 }
          mail:        { A: 192.0.2.25 }
          my:          { service: my }
          everyone:    { service: everyone }
          alias:       { service: alias }
          partly:      { service: partly }
          norway-first:  { service: my }
          states-first:  { service: my }
          default-first: { service: my }
          nobody-first:  { service: my }
          none-first:    { service: some }
          none-beside:   { service: some, TXT: static }
          some:          { service: some }
          "*.geo":     { service: my }
          "*.wild":    { A: 192.0.2.42 }
          a.deep:      { A: 192.0.2.43 }
      static.example.org:
        soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 7 }
        ns: [ns1.geo.example.com.]
        ttl: 300
        records:
          "*.wild":    { A: 192.0.2.42 }
          www:         { A: 192.0.2.80, AAAA: "2001:db8::80" }
      types.example.org:
        soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 7 }
        ns: [ns1.geo.example.com.]
        ttl: 300
        records:
    \(recordsOfAllTypes)
    """
