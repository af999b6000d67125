# The targets of this project; `make` without a target lists them.

# Packages that a Swift toolchain from swift.org needs to run, compile and link, and the libraries of geopipe (libyaml) and of
# its tests (libmaxminddb).
BUILD_PACKAGES = ca-certificates g++ git libcurl4 libmaxminddb-dev libncurses6 libsqlite3-0 libxml2 libyaml-dev \
	pkg-config
# Packages to serve with geopipe and to ask questions.
SERVER_PACKAGES = pdns-server pdns-backend-pipe bind9-dnsutils
# Servers that the tests compare geopipe with, packages for signed answers, and checkers of man pages, units, alerts,
# pictures and the schema of the configuration.
PEER_PACKAGES = gdnsd lowdown openssl pdns-backend-sqlite3 sqlite3 pdns-backend-bind bind9-utils prometheus systemd \
	chromium libxml2-utils python3-jsonschema dnsdist
# Packages for several servers.
FLEET_PACKAGES = dnsdist python3
# Packages that make a Debian system in a folder.
ROOT_PACKAGES = debootstrap debian-archive-keyring
# Packages that count instructions.
BENCH_PACKAGES = binutils valgrind
# Packages that measure growth, and sample under load.
SCALE_PACKAGES = python3 linux-perf
# Packages for the measurement of floods, in addition to the servers.
FLOOD_PACKAGES = dnsdist gdnsd pdns-backend-geoip python3
# Man pages, and binary packages.
MANUAL_PACKAGES = lowdown
DEB_PACKAGES = dpkg-dev

# The prefix of `make install`; DESTDIR is the root of a staging tree, such as that of a package.
PREFIX = /usr/local

MMDB_WRITER = mmdb-writer==0.2.7
TOOLS = .build-tools

database = $(if $(DATABASE),"$(DATABASE)")
sources = Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Tests
# No target here is a file. The names come from the rules, so that make complains of a name that has no rule.
targets := $(shell sed -n 's/^\([a-z0-9-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

# Two apt-get processes in parallel would wait for each other.
.NOTPARALLEL:
.PHONY: $(targets)

help:
	@sed -n 's/^\([a-z0-9-]*\):.* ## /    make \1\t/p' Makefile | expand -t 24

build: program agent ## builds geopipe and geopipe-agent in .build/release

agent: toolchain
	swift build -c release --product geopipe-agent --static-swift-stdlib

demo: server program ## shows answers through its own pdns_server, then the live view in a browser; DATABASE=path
	@scripts/demo .build/release/geopipe $(database)

try-fleet: server build ## fault test of two servers with dnsdist; takes two minutes
	@scripts/prerequisites $(FLEET_PACKAGES)
	@scripts/try-fleet .build/release/geopipe .build/release/geopipe-agent

test: peer toolchain ## checks the format, then runs all tests
	swift format lint --strict --recursive $(sources)
	swift build --build-tests --explicit-target-dependency-import-check error
	scripts/run-tests --skip-build --disable-xctest --skip 'Oracle|Differential'
	scripts/run-tests --skip-build --disable-xctest --filter 'Oracle|Differential'
	swift build --package-path Benchmarks --product benchmarksPackageTests
	scripts/run-tests --package-path Benchmarks --skip-build --disable-xctest

test-pdns: ## root: runs the tests with pdns for the installed release, 4.9 and 5.1; MIRROR=URI of a Debian mirror
	@scripts/test-pdns .build-roots $(BUILD_PACKAGES) $(SERVER_PACKAGES) $(PEER_PACKAGES) $(ROOT_PACKAGES)

bench: program measuring ## measures speed, compared with a minimal coprocess; DATABASE=path
	Benchmarks/bench .build/release/geopipe $(database)

bench-record: program measuring ## the same, and writes the figures into docs/performance.md and README.md; DATABASE=path
	Benchmarks/bench --record .build/release/geopipe $(database)

bench-exact: program measuring ## compares instructions and allocations of a question with recorded thresholds; DATABASE=path
	Benchmarks/bench --exact .build/release/geopipe $(database)

bench-pdns: server program ## compares the ways to wait for a question, through pdns; DATABASE=path
	Benchmarks/pdns-wait .build/release/geopipe $(database)

bench-settings: server program ## measures the settings of pdns, and which give wrong answers; DATABASE=path
	Benchmarks/pdns-settings .build/release/geopipe $(database)

bench-switches: build ## measures how soon switches and health are in force in eight coprocesses
	Benchmarks/switch-delays .build/release/geopipe .build/release/geopipe-agent

bench-agent: agent ## measures the agent with checks of 1,000 addresses every 10 s
	@scripts/prerequisites python3
	Benchmarks/agent-checks .build/release/geopipe-agent

bench-live: server build ## measures the cost of the live view, for the agent and for answers; DATABASE=path
	@scripts/prerequisites python3
	Benchmarks/live-view .build/release/geopipe .build/release/geopipe-agent $(database)

scale: server measuring build ## measures speed by threads, cores, viewers and sizes; AXIS=threads, SECONDS=0.5, DATABASE=path
	@scripts/prerequisites $(SCALE_PACKAGES)
	swift build -c release --package-path Benchmarks --product scalereport
	Benchmarks/scale --results Benchmarks/results/scale $(addprefix --axis ,$(AXIS)) $(addprefix --seconds ,$(SECONDS)) \
		.build/release/geopipe .build/release/geopipe-agent $(database)
	"$$(swift build -c release --package-path Benchmarks --show-bin-path)/scalereport" Benchmarks/results/scale docs

flood: server program ## measures the latency of real clients during floods; FLOOD=names,types, SECONDS_EACH=4, DATABASE=path
	@scripts/prerequisites $(FLOOD_PACKAGES)
	@FLOOD="$(FLOOD)" SECONDS_EACH="$(SECONDS_EACH)" Benchmarks/flood .build/release/geopipe $(database)

soak: server build ## injects faults for MINUTES=3 and checks all answers; DATABASE=path, SEED=number, PIPE_RATE=100000
	swift build -c release --product soak
	cc -O2 -Wall -Wextra -shared -fPIC -o .build/soak-clock.so Tests/SoakClock/clock.c
	.build/release/soak --geopipe .build/release/geopipe --agent .build/release/geopipe-agent \
		--clock .build/soak-clock.so --settings examples/pdns.conf --minutes $(or $(MINUTES),3) \
		$(addprefix --seed ,$(SEED)) $(addprefix --pipe-rate ,$(PIPE_RATE)) \
		--database $(or $(database),$(or $(wildcard data/GeoLite2-City.mmdb),examples/demo/demo.mmdb))

fuzz: $(if $(findstring -against-,$(TARGET)),peer) toolchain ## TARGET=name: runs libFuzzer on that target for MINUTES=1; TARGET=all for each in turn
	@Tests/Fuzz/fuzz "$(TARGET)" $(MINUTES)

install: manual ## after make build: installs programs, man pages, completions; PREFIX=/usr/local
	@scripts/install .build/release/geopipe "$(PREFIX)" "$(DESTDIR)"

install-pinned: ## installs the drop-in for one pdns on each core, see docs/pdns.md
	install -D -m 644 examples/pinned/cpu.conf "$(DESTDIR)/etc/systemd/system/pdns@.service.d/cpu.conf"

uninstall: ## removes the files of make install; PREFIX=/usr/local
	@scripts/install --remove "$(PREFIX)" "$(DESTDIR)"

deb: build manual ## builds a Debian package for this release and newer ones, in .build
	@scripts/prerequisites $(DEB_PACKAGES)
	@scripts/package .build/release/geopipe .build

try-deb: deb ## root: tests that package in Debian systems of its own; SUITES=names, MIRROR=URI
	@scripts/prerequisites $(ROOT_PACKAGES) lintian
	@scripts/try-package "$$(ls -t .build/geopipe_*.deb | head -n 1)" $(SUITES)

geolite2: ## downloads a database of the whole Internet (2019) into data
	@scripts/geolite2

format: toolchain ## formats the sources as the tests require
	swift format --in-place --recursive $(sources)

reference: program ## writes docs/configuration-reference.md and docs/geopipe.schema.json from the sources
	.build/release/geopipe schema --markdown >.build/reference.new
	mv .build/reference.new docs/configuration-reference.md
	.build/release/geopipe schema >.build/reference.new
	mv .build/reference.new docs/geopipe.schema.json

demo-database: ## makes examples/demo/demo.mmdb from its tables
	@scripts/prerequisites python3-pip
	python3 -m pip install --quiet --root-user-action ignore --upgrade --target $(TOOLS) $(MMDB_WRITER)
	PYTHONPATH=$(TOOLS) python3 examples/demo/make-database.py

outlines: ## writes the outlines of countries in the sources, from Natural Earth
	@scripts/prerequisites python3-pip
	scripts/outlines

clean: ## removes all build results
	rm -rf --one-file-system .build .build-* Benchmarks/.build examples/demo/__pycache__

# Only geopipe, because the agent takes several times as long to build.
program: toolchain
	swift build -c release --product geopipe --static-swift-stdlib

toolchain:
	@scripts/prerequisites $(BUILD_PACKAGES)
	@scripts/require-swift

# Checks all packages in one call, so that one message lists all that are missing.
server:
	@scripts/prerequisites $(BUILD_PACKAGES) $(SERVER_PACKAGES)

peer:
	@scripts/prerequisites $(BUILD_PACKAGES) $(SERVER_PACKAGES) $(PEER_PACKAGES)

measuring:
	@scripts/prerequisites $(BENCH_PACKAGES)

manual:
	@scripts/prerequisites $(MANUAL_PACKAGES)
