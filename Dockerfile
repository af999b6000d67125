# pdns_server with geopipe, for docker build, buildah and podman; docs/containers.md has how to run it.
ARG SWIFT=swift:6.2-bookworm
ARG DEBIAN=debian:trixie-slim

FROM ${SWIFT} AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends g++ git libyaml-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# In their own layer, so that the dependencies are fetched again only when these files change.
COPY Package.swift Package.resolved ./
RUN swift package --only-use-versions-from-resolved-file resolve
COPY Sources Sources
# Package.swift names the folders of tests, so they must exist.
COPY Tests Tests
RUN for program in geopipe geopipe-agent; do \
        swift build --configuration release --product "$program" --static-swift-stdlib \
        && strip --strip-unneeded -o "/usr/local/bin/$program" ".build/release/$program" || exit 1; \
    done

FROM ${DEBIAN}
# Fixed numbers: volumes and security contexts name them.
RUN groupadd --system --gid 953 pdns \
    && useradd --system --uid 953 --gid pdns --home-dir /var/lib/powerdns --no-create-home --shell /usr/sbin/nologin pdns \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates ldnsutils libstdc++6 libyaml-0-2 pdns-backend-pipe pdns-server tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/*.log /etc/powerdns/pdns.d \
    && install -d -o pdns -g pdns /run/geopipe /run/pdns /var/lib/geopipe \
    && install -d /etc/geopipe
COPY --from=build /usr/local/bin/geopipe /usr/local/bin/geopipe-agent /usr/local/bin/
COPY examples/pdns.conf /etc/powerdns/pdns.conf
COPY packaging/container/probe /usr/local/bin/geopipe-probe
COPY LICENSE /usr/share/doc/geopipe/copyright

USER 953:953
# The configuration, databases that are downloaded at run time, the state, and the control socket of pdns. Everything else may be
# read-only.
VOLUME ["/etc/geopipe", "/var/lib/geopipe", "/run/geopipe", "/run/pdns"]
# An unprivileged port for DNS.
EXPOSE 5300/udp 5300/tcp 9353/tcp
# pdns ends at SIGTERM. tini reaps orphans of coprocesses, such as a compiler, even if tini is not process 1.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "-s", "--"]
CMD ["pdns_server", "--daemon=no", "--guardian=no", "--disable-syslog=yes", "--log-timestamp=no", "--write-pid=no", \
     "--socket-dir=/run/pdns", "--local-port=5300"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["geopipe-probe"]
