/// The settings that each release of pdns knows, with their defaults. pdns does not start with an unknown setting.
///
/// Source: `pdns_server --config=default` of pdns 4.7.3, 4.8.3, 4.9.18, 5.0.2 and 5.1.5. Defaults that depend on the
/// machine are empty here.
enum KnownSettings {
    /// Returns the defaults of a version by name. Settings of the pipe backend have the names for an instance without
    /// a name.
    static func defaults(of version: ServerVersion) -> [String: String] {
        var settings = pairs(oldest)
        for change in changes where version.nearestKnown.isAtLeast(change.release) {
            for name in change.removed.keys { settings[name] = nil }
            settings.merge(change.added) { $1 }
        }
        for (name, first) in patches where !first.allows(version) { settings[name] = nil }
        return settings
    }

    /// Parses `table`, which has a setting with its default in each line.
    static func pairs(_ table: String) -> [String: String] {
        let pairs = table.split(separator: "\n").map { line in
            line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        }
        return Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) })
    }

    /// Why a version does not have a setting.
    enum Absence {
        /// This version introduced it.
        case introducedLater(ServerVersion)
        /// This release removed it; another may have replaced it.
        case removed(ServerVersion, replacement: String?)
    }

    /// Returns why `version` does not know a setting that another version knows; `nil` if no version that geopipe
    /// knows has it.
    static func absence(of name: String, in version: ServerVersion) -> Absence? {
        if let removal = removal(of: name), version.nearestKnown.isAtLeast(removal.release) {
            return .removed(removal.release, replacement: removal.replacement)
        }
        if let first = patches[name], let patch = first.patches[version.nearestKnown.release] {
            return .introducedLater(ServerVersion("\(version.release).\(patch)")!)
        }
        return changes.first { $0.added[name] != nil }.map { .introducedLater($0.release) }
    }

    /// Returns the release that removed a setting, and the setting that replaced it; `nil` if no release has removed
    /// it.
    static func removal(of name: String) -> (release: ServerVersion, replacement: String?)? {
        for change in changes {
            if let replacement = change.removed[name] { return (change.release, replacement) }
        }
        return nil
    }

    /// The changes of one release.
    private struct Change {
        var release: ServerVersion
        /// Settings that are new or have another default.
        var added: [String: String]
        /// Removed settings, with their replacements.
        var removed: [String: String]

        /// - Parameter added: a table as for `pairs`.
        init(release: ServerVersion, added: String, removed: [String: String] = [:]) {
            (self.release, self.added, self.removed) = (release, pairs(added), removed)
        }
    }

    private static let changes = [
        Change(
            release: ServerVersion("4.8")!,
            added: """
                default-catalog-zone=
                slave-cycle-interval=
                webserver-connection-timeout=5
                workaround-11804=no
                """),
        Change(
            release: ServerVersion("4.9")!,
            added: """
                delay-notifications=0
                loglevel-show=no
                lua-consistent-hashes-cleanup-interval=3600
                lua-consistent-hashes-expire-delay=86400
                lua-records-insert-whitespace=yes
                max-pointers-per-name=10
                max-pointers-per-packet-byte=4
                max-pointers-to-pointers=4
                """,
            removed: [
                "allow-unsigned-supermaster": "allow-unsigned-autoprimary", "master": "primary", "slave": "secondary",
                "slave-cycle-interval": "xfr-cycle-interval", "slave-renotify": "secondary-do-renotify",
                "superslave": "autosecondary",
            ]),
        Change(
            release: ServerVersion("5.0")!,
            added: """
                direct-dnskey-signature=no
                dnsproxy-udp-port-range=10000 60000
                dnsupdate-require-tsig=no
                lua-global-include-dir=
                lua-records-insert-whitespace=no
                resolve-across-zones=yes
                views=no
                """),
        Change(
            release: ServerVersion("5.1")!,
            added: """
                default-soa-edit-api=DEFAULT
                enable-lua-record-updates=no
                entropy-source=
                logging-structured=no
                member-catalog-group=pdns-member-catalog
                naptr-additional-processing=yes
                protobuf-servers=
                rng=
                rrsig-expiry-extend=soa-edit-spread
                soa-edit-spread=0
                webserver-cross-origin-request-header=
                webserver-max-concurrent-connections=100
                """),
    ]

    /// The first patch versions with a setting, for releases whose first versions lack it.
    private struct FirstPatches {
        /// The number of the first patch version by release.
        var patches: [String: Int]

        /// Returns whether `version` has the setting. A version without a patch number means the newest patch.
        func allows(_ version: ServerVersion) -> Bool {
            guard version.nearestKnown.release == version.release, let first = patches[version.release],
                let patch = version.patch
            else { return true }
            return patch >= first
        }
    }

    private static let patches = [
        "lua-records-insert-whitespace": FirstPatches(patches: ["4.9": 1]),
        "max-pointers-per-name": FirstPatches(patches: ["4.9": 18, "5.0": 8, "5.1": 5]),
        "max-pointers-per-packet-byte": FirstPatches(patches: ["4.9": 18, "5.0": 8, "5.1": 5]),
        "max-pointers-to-pointers": FirstPatches(patches: ["4.9": 18, "5.0": 8, "5.1": 5]),
        "webserver-connection-timeout": FirstPatches(patches: ["4.8": 5, "4.9": 2]),
    ]

    /// Returns why `version` lacks a setting of a backend other than pipe. The name is without that of the instance:
    /// `supermasters` of `bind`.
    static func absence(of name: String, ofBackend backend: String, in version: ServerVersion) -> Absence? {
        let renamed: [String: String]
        switch backend {
        case "bind": renamed = renamedOfBind
        case "gmysql", "godbc", "gpgsql", "gsqlite3": renamed = renamedQueries
        default: return nil
        }
        let renaming = ServerVersion("4.9")!
        if version.nearestKnown.isAtLeast(renaming) {
            return renamed[name].map { .removed(renaming, replacement: $0) }
        }
        return renamed.values.contains(name) ? .introducedLater(renaming) : nil
    }

    private static let renamedOfBind = [
        "supermaster-config": "autoprimary-config", "supermaster-destdir": "autoprimary-destdir",
        "supermasters": "autoprimaries",
    ]
    private static let renamedQueries = [
        "info-all-master-query": "info-all-primary-query", "info-all-slaves-query": "info-all-secondaries-query",
        "supermaster-add": "autoprimary-add", "supermaster-name-to-ips": "autoprimary-name-to-ips",
        "supermaster-query": "autoprimary-query", "update-master-query": "update-primary-query",
    ]

    /// The backends that come with pdns. Only a pdns that launches a backend knows its settings.
    static let backends = [
        "bind", "geoip", "gmysql", "godbc", "gpgsql", "gsqlite3", "ldap", "lmdb", "lua2", "pipe", "random", "remote",
        "tinydns",
    ]

    /// The settings of pdns 4.7.
    private static let oldest = """
        8bit-dns=no
        allow-axfr-ips=127.0.0.0/8,::1
        allow-dnsupdate-from=127.0.0.0/8,::1
        allow-notify-from=0.0.0.0/0,::/0
        allow-unsigned-autoprimary=yes
        allow-unsigned-notify=yes
        allow-unsigned-supermaster=yes
        also-notify=
        any-to-tcp=yes
        api-key=
        api=no
        autosecondary=no
        axfr-fetch-timeout=10
        axfr-lower-serial=no
        cache-ttl=20
        carbon-instance=auth
        carbon-interval=30
        carbon-namespace=pdns
        carbon-ourname=
        carbon-server=
        chroot=
        config-dir=/etc/powerdns
        config-name=
        consistent-backends=yes
        control-console=no
        daemon=no
        default-api-rectify=yes
        default-ksk-algorithm=ecdsa256
        default-ksk-size=0
        default-publish-cdnskey=
        default-publish-cds=
        default-soa-content=a.misconfigured.dns.server.invalid hostmaster.@ 0 10800 3600 604800 3600
        default-soa-edit-signed=
        default-soa-edit=
        default-ttl=3600
        default-zsk-algorithm=
        default-zsk-size=0
        direct-dnskey=no
        disable-axfr-rectify=no
        disable-axfr=no
        disable-syslog=no
        distributor-threads=3
        dname-processing=no
        dnssec-key-cache-ttl=30
        dnsupdate=no
        domain-metadata-cache-ttl=
        edns-cookie-secret=
        edns-subnet-processing=no
        enable-lua-records=no
        entropy-source=/dev/urandom
        expand-alias=no
        forward-dnsupdate=yes
        forward-notify=
        guardian=no
        ignore-unknown-settings=
        include-dir=
        launch=
        load-modules=
        local-address-nonexist-fail=yes
        local-address=0.0.0.0, ::
        local-port=53
        log-dns-details=no
        log-dns-queries=no
        log-timestamp=yes
        logging-facility=
        loglevel=4
        lua-axfr-script=
        lua-dnsupdate-policy-script=
        lua-health-checks-expire-delay=3600
        lua-health-checks-interval=5
        lua-prequery-script=
        lua-records-exec-limit=1000
        master=no
        max-cache-entries=1000000
        max-ent-entries=100000
        max-generate-steps=0
        max-include-depth=20
        max-nsec3-iterations=100
        max-packet-cache-entries=1000000
        max-queue-length=5000
        max-signature-cache-entries=
        max-tcp-connection-duration=0
        max-tcp-connections-per-client=0
        max-tcp-connections=20
        max-tcp-transactions-per-conn=0
        module-dir=
        negquery-cache-ttl=60
        no-shuffle=off
        non-local-bind=no
        only-notify=0.0.0.0/0,::/0
        outgoing-axfr-expand-alias=no
        overload-queue-length=0
        pipe-abi-version=1
        pipe-command=
        pipe-regex=
        pipe-timeout=2000
        prevent-self-notification=yes
        primary=no
        proxy-protocol-from=
        proxy-protocol-maximum-size=512
        query-cache-ttl=20
        query-local-address=0.0.0.0 ::
        query-logging=no
        queue-limit=1500
        receiver-threads=1
        resolver=no
        retrieval-threads=2
        reuseport=no
        rng=auto
        secondary-check-signature-freshness=yes
        secondary-do-renotify=no
        secondary=no
        security-poll-suffix=secpoll.powerdns.com.
        send-signed-notify=yes
        server-id=
        setgid=
        setuid=
        signing-threads=3
        slave-cycle-interval=60
        slave-renotify=no
        slave=no
        socket-dir=
        superslave=no
        svc-autohints=no
        tcp-control-address=
        tcp-control-port=53000
        tcp-control-range=127.0.0.0/8, 10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12, ::1/128, fe80::/10
        tcp-control-secret=
        tcp-fast-open=0
        tcp-idle-timeout=5
        traceback-handler=yes
        trusted-notification-proxy=
        udp-truncation-threshold=1232
        upgrade-unknown-types=no
        version-string=full
        webserver-address=127.0.0.1
        webserver-allow-from=127.0.0.1,::1
        webserver-hash-plaintext-credentials=no
        webserver-loglevel=normal
        webserver-max-bodysize=2
        webserver-password=
        webserver-port=8081
        webserver-print-arguments=no
        webserver=no
        write-pid=yes
        xfr-cycle-interval=60
        xfr-max-received-mbytes=100
        zone-cache-refresh-interval=300
        zone-metadata-cache-ttl=60
        """
}
