# What can be done with this project; `make` alone lists it.

# What a Swift toolchain from swift.org needs to run, compile and link, what geopipe links to (libyaml), and what its tests do
# (libmaxminddb).
BUILD_PACKAGES = ca-certificates g++ git libcurl4 libmaxminddb-dev libncurses6 libsqlite3-0 libxml2 libyaml-dev \
	pkg-config
# What it takes to serve with geopipe and to ask.
SERVER_PACKAGES = pdns-server pdns-backend-pipe bind9-dnsutils
# Peers, which the tests hold geopipe against, what signed answers need, and what looks over man pages, units, alerts,
# pictures and the schema of the configuration.
PEER_PACKAGES = gdnsd lowdown openssl pdns-backend-sqlite3 sqlite3 pdns-backend-bind bind9-utils prometheus systemd \
	chromium libxml2-utils python3-jsonschema dnsdist
# What stands before several servers.
FLEET_PACKAGES = dnsdist python3
# What makes a Debian system in a folder.
ROOT_PACKAGES = debootstrap debian-archive-keyring
# What counts instructions.
BENCH_PACKAGES = binutils valgrind
# What measures growth, and samples where the time goes.
SCALE_PACKAGES = python3 linux-perf
# What a flood is measured with, beside the servers.
FLOOD_PACKAGES = dnsdist gdnsd pdns-backend-geoip python3
# Man pages, and binary packages.
MANUAL_PACKAGES = lowdown
DEB_PACKAGES = dpkg-dev

# Where `make install` puts things; DESTDIR is the root of a tree that will be elsewhere, such as a package's.
PREFIX = /usr/local

MMDB_WRITER = mmdb-writer==0.2.7
TOOLS = .build-tools

database = $(if $(DATABASE),"$(DATABASE)")
sources = Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Tests
# No target here is a file. The names come from the rules, so that make complains of a name that has no rule.
targets := $(shell sed -n 's/^\([a-z0-9-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

# Two apt-get at once would wait for each other.
.NOTPARALLEL:
.PHONY: $(targets)

help:
	@sed -n 's/^\([a-z0-9-]*\):.* ## /    make \1\t/p' Makefile | expand -t 24

build: program agent ## geopipe and geopipe-agent, in .build/release

agent: toolchain
	swift build -c release --product geopipe-agent --static-swift-stdlib

demo: server program ## who is sent where, through a pdns_server of its own, then live in a browser; DATABASE=path
	@scripts/demo .build/release/geopipe $(database)

try-fleet: server build ## two servers behind dnsdist, with all that goes wrong in a fleet; takes two minutes
	@scripts/prerequisites $(FLEET_PACKAGES)
	@scripts/try-fleet .build/release/geopipe .build/release/geopipe-agent

test: peer toolchain ## the format, then all tests
	swift format lint --strict --recursive $(sources)
	swift build --build-tests --explicit-target-dependency-import-check error
	swift test --skip-build --disable-xctest --skip 'Oracle|Differential'
	swift test --skip-build --disable-xctest --filter 'Oracle|Differential'
	swift build --package-path Benchmarks --product benchmarksPackageTests
	swift test --package-path Benchmarks --skip-build --disable-xctest

test-pdns: ## root: the tests that start pdns, with the installed one, 4.9 and 5.1; MIRROR=URI of Debian's packages
	@scripts/test-pdns .build-roots $(BUILD_PACKAGES) $(SERVER_PACKAGES) $(PEER_PACKAGES) $(ROOT_PACKAGES)

bench: program measuring ## speed, against the least a coprocess can need; DATABASE=path
	Benchmarks/bench .build/release/geopipe $(database)

bench-record: program measuring ## the same, and puts the figures into docs/performance.md and README.md; DATABASE=path
	Benchmarks/bench --record .build/release/geopipe $(database)

bench-exact: program measuring ## only instructions and allocations of a question, against what is recorded; DATABASE=path
	Benchmarks/bench --exact .build/release/geopipe $(database)

bench-pdns: server program ## how the ways to wait for a question differ, through pdns; DATABASE=path
	Benchmarks/pdns-wait .build/release/geopipe $(database)

bench-settings: server program ## what the settings of pdns cost, and which answer wrong; DATABASE=path
	Benchmarks/pdns-settings .build/release/geopipe $(database)

bench-switches: build ## how soon switches and health are in force in eight coprocesses
	Benchmarks/switch-delays .build/release/geopipe .build/release/geopipe-agent

bench-agent: agent ## what the agent needs to check 1,000 addresses every 10 s
	@scripts/prerequisites python3
	Benchmarks/agent-checks .build/release/geopipe-agent

bench-live: server build ## what the live view costs, of the agent and of answers through pdns; DATABASE=path
	@scripts/prerequisites python3
	Benchmarks/live-view .build/release/geopipe .build/release/geopipe-agent $(database)

scale: server measuring build ## how speed grows with threads, cores, viewers and sizes; AXIS=threads, SECONDS=0.5, DATABASE=path
	@scripts/prerequisites $(SCALE_PACKAGES)
	swift build -c release --package-path Benchmarks --product scalereport
	Benchmarks/scale --results Benchmarks/results/scale $(addprefix --axis ,$(AXIS)) $(addprefix --seconds ,$(SECONDS)) \
		.build/release/geopipe .build/release/geopipe-agent $(database)
	"$$(swift build -c release --package-path Benchmarks --show-bin-path)/scalereport" Benchmarks/results/scale docs

flood: server program ## what real clients notice of floods; FLOOD=names,types, SECONDS_EACH=4, DATABASE=path
	@scripts/prerequisites $(FLOOD_PACKAGES)
	@FLOOD="$(FLOOD)" SECONDS_EACH="$(SECONDS_EACH)" Benchmarks/flood .build/release/geopipe $(database)

soak: server build ## disturbs geopipe for MINUTES=3 and judges all answers; DATABASE=path, SEED=number, PIPE_RATE=100000
	swift build -c release --product soak
	cc -O2 -Wall -Wextra -shared -fPIC -o .build/soak-clock.so Tests/SoakClock/clock.c
	.build/release/soak --geopipe .build/release/geopipe --agent .build/release/geopipe-agent \
		--clock .build/soak-clock.so --settings examples/pdns.conf --minutes $(or $(MINUTES),3) \
		$(addprefix --seed ,$(SEED)) $(addprefix --pipe-rate ,$(PIPE_RATE)) \
		--database $(or $(database),$(or $(wildcard data/GeoLite2-City.mmdb),examples/demo/demo.mmdb))

fuzz: $(if $(findstring -against-,$(TARGET)),peer) toolchain ## TARGET=name: inputs that libFuzzer makes up, for MINUTES=1; TARGET=all for each in turn
	@Tests/Fuzz/fuzz "$(TARGET)" $(MINUTES)

install: manual ## after make build: programs, man pages, completions; PREFIX=/usr/local
	@scripts/install .build/release/geopipe "$(PREFIX)" "$(DESTDIR)"

install-pinned: ## the drop-in for one pdns on each core, see docs/pdns.md
	install -D -m 644 examples/pinned/cpu.conf "$(DESTDIR)/etc/systemd/system/pdns@.service.d/cpu.conf"

uninstall: ## removes what make install has installed; PREFIX=/usr/local
	@scripts/install --remove "$(PREFIX)" "$(DESTDIR)"

deb: build manual ## a Debian package for this release and newer ones, in .build
	@scripts/prerequisites $(DEB_PACKAGES)
	@scripts/package .build/release/geopipe .build

try-deb: deb ## root: installs, uses, upgrades and removes that in Debians of its own; SUITES=names, MIRROR=URI
	@scripts/prerequisites $(ROOT_PACKAGES) lintian
	@scripts/try-package "$$(ls -t .build/geopipe_*.deb | head -n 1)" $(SUITES)

geolite2: ## a database of the whole Internet (2019), in data
	@scripts/geolite2

format: toolchain ## lays out the sources as the tests want them
	swift format --in-place --recursive $(sources)

reference: program ## docs/configuration-reference.md and docs/geopipe.schema.json, from the keys in the sources
	.build/release/geopipe schema --markdown >.build/reference.new
	mv .build/reference.new docs/configuration-reference.md
	.build/release/geopipe schema >.build/reference.new
	mv .build/reference.new docs/geopipe.schema.json

demo-database: ## examples/demo/demo.mmdb, from the tables beside it
	@scripts/prerequisites python3-pip
	python3 -m pip install --quiet --root-user-action ignore --upgrade --target $(TOOLS) $(MMDB_WRITER)
	PYTHONPATH=$(TOOLS) python3 examples/demo/make-database.py

outlines: ## the outlines of countries in the sources, from Natural Earth's
	@scripts/prerequisites python3-pip
	scripts/outlines

clean: ## removes all that was built
	rm -rf --one-file-system .build .build-* Benchmarks/.build examples/demo/__pycache__

# Without the agent, which takes several times as long.
program: toolchain
	swift build -c release --product geopipe --static-swift-stdlib

toolchain:
	@scripts/prerequisites $(BUILD_PACKAGES)
	@scripts/require-swift

# Asks for all at once, so that nobody is told twice.
server:
	@scripts/prerequisites $(BUILD_PACKAGES) $(SERVER_PACKAGES)

peer:
	@scripts/prerequisites $(BUILD_PACKAGES) $(SERVER_PACKAGES) $(PEER_PACKAGES)

measuring:
	@scripts/prerequisites $(BENCH_PACKAGES)

manual:
	@scripts/prerequisites $(MANUAL_PACKAGES)
