/* Sends the questions of one kind of flood, or those of real clients, to a name server on the loopback interface. The
   questions come from many resolvers. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define BATCH 64
#define PACKET_MAX 512
#define LATENCIES_MAX (1u << 22)
#define WINDOW_PATIENCE 50000000ull /* ns without an answer after which the window is filled again */
#define CONNECTIONS 64
#define ONE_NAME_CLIENTS 18000
#define TYPE_A 1
#define TYPE_ANY 255

static const char *const kinds[] = {"clients", "names", "deep", "zones", "types", "one", "any", "tcp", "subnets"};
enum kind { CLIENTS, NAMES, DEEP, ZONES, TYPES, ONE, ANY, TCP, SUBNETS, KINDS };

static struct options {
    unsigned port;
    enum kind kind;
    double rate;      /* questions per second; 0: each answer lets the next question leave */
    unsigned window;  /* outstanding questions if the rate is 0 */
    double seconds;
    unsigned octet;    /* second octet of the resolvers' addresses */
    unsigned networks; /* number of resolvers, each in its own /24 */
    uint64_t seed;
    bool checks;
} options = {.port = 53, .kind = CLIENTS, .rate = 500, .window = 1000, .seconds = 1, .octet = 10, .networks = 64, .seed = 1};

static struct {
    uint64_t since;   /* ns; 0: no question with this id is outstanding */
    uint32_t network; /* of the client */
} waiting[IDS];

static uint16_t next_id;
static uint64_t network_count;
static uint32_t *latencies;
static size_t latency_count, sent, answered, truncated, wrong, response_codes[16];

/* Returns the next client's /24, from 1.0.0.0 to 223.255.255.255 without 127.0.0.0/8. */
static uint32_t next_network(void)
{
    for (;;) {
        uint64_t count = network_count++;
        uint32_t network;
        if (is_client_network(options.kind == ONE ? count % ONE_NAME_CLIENTS : count, &network))
            return network;
    }
}

/* MARK: Packets */

static uint8_t *put_label(uint8_t *at, const char *label)
{
    size_t length = strlen(label);
    *at++ = (uint8_t)length;
    memcpy(at, label, length);
    return at + length;
}

static uint8_t *put_random_label(uint8_t *at)
{
    char label[16];
    snprintf(label, sizeof label, "%012llx", (unsigned long long)next_random(&options.seed) >> 16);
    return put_label(at, label);
}

static uint8_t *put_name(uint8_t *at)
{
    switch (options.kind) {
    case NAMES: at = put_random_label(at); break;
    case DEEP: at = put_random_label(put_random_label(put_random_label(at))); break;
    case ZONES: at = put_random_label(put_label(at, "www")); break;
    default: at = put_label(at, "www"); break;
    }
    if (options.kind != ZONES)
        at = put_label(at, "geo");
    at = put_label(put_label(at, "example"), "com");
    *at++ = 0;
    return at;
}

/* Returns the question's type. A random type is no query type (RFC 6895: 128 to 255) and no type of a record here. */
static unsigned type(void)
{
    switch (options.kind) {
    case TYPES: return 300 + (unsigned)(next_random(&options.seed) % 32000);
    case ANY: return TYPE_ANY;
    default: return TYPE_A;
    }
}

/* Returns the size of the packet. */
static size_t put_question(uint8_t *packet, uint16_t id, uint32_t network)
{
    uint8_t *at = put16(packet, id);
    memset(at, 0, 10);
    at[3] = 1; /* question */
    at[9] = 1; /* additional record */
    at = put_name(at + 10);
    at = put16(put16(at, type()), 1);
    *at++ = 0;
    at = put16(put16(put16(at, OPT), 1232), 0);
    at = put16(put16(at, 0), 11);
    at = put16(put16(at, CLIENT_SUBNET), 7);
    at = put16(at, 1); /* IPv4 */
    *at++ = 24;
    *at++ = 0;
    *at++ = (uint8_t)(network >> 24);
    *at++ = (uint8_t)(network >> 16);
    *at++ = (uint8_t)(network >> 8);
    return (size_t)(at - packet);
}

/* Returns whether the answer has the address of www for the client. Each quarter of the address space has its own
   address, except that the second and the last quarter share one. The answer must be one record with 4 bytes of data,
   whose name is a pointer to the question's name. */
static bool is_right(const uint8_t *packet, size_t size, uint32_t network)
{
    static const uint8_t last[] = {1, 2, 3, 2};
    const size_t question = 12 + sizeof "\3www\3geo\7example\3com" + 4;
    if (size < question + 16 || packet[6] != 0 || packet[7] != 1 || packet[question + 11] != 4)
        return false;
    const uint8_t expected[] = {192, 0, 2, last[network >> 30]};
    return memcmp(packet + question + 12, expected, 4) == 0;
}

static void take(const uint8_t *packet, size_t size)
{
    if (size < 12)
        return;
    uint16_t id = (uint16_t)(packet[0] << 8 | packet[1]);
    if (!waiting[id].since)
        return;
    uint64_t taken = clock_ns() - waiting[id].since;
    waiting[id].since = 0;
    if (packet[2] & 2) {
        truncated++;
        return;
    }
    answered++;
    if (latency_count < LATENCIES_MAX)
        latencies[latency_count++] = taken > UINT32_MAX ? UINT32_MAX : (uint32_t)taken;
    response_codes[packet[3] & 15]++;
    if (options.checks && ((packet[3] & 15) != 0 || !is_right(packet, size, waiting[id].network)))
        wrong++;
}

/* Returns the address of a resolver, in host byte order. */
static uint32_t source(uint64_t lot)
{
    return 0x7f000000u | options.octet << 16 | (uint32_t)(lot % options.networks) << 8 | 1;
}

static size_t ask(uint8_t *packet, uint64_t now)
{
    uint16_t id = next_id++;
    uint32_t network = next_network();
    waiting[id].since = now;
    waiting[id].network = network;
    return put_question(packet, id, network);
}

/* MARK: UDP: one socket, which sends from the addresses of all resolvers */

static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), buffer = 1 << 22;
    struct sockaddr_in any = {.sin_family = AF_INET};
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
        fail("socket: %s", strerror(errno));
    return fd;
}

static void send_batch(int fd, size_t count, uint64_t now)
{
    static uint8_t packets[BATCH][PACKET_MAX];
    static union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } controls[BATCH];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){packets[i], ask(packets[i], now)};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = &controls[i],
            .msg_controllen = sizeof controls[i].bytes};
        struct cmsghdr *control = CMSG_FIRSTHDR(&messages[i].msg_hdr);
        *control = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(source(next_random(&options.seed)))};
        memcpy(CMSG_DATA(control), &info, sizeof info);
    }
    for (size_t i = 0; i < count;) {
        int done = sendmmsg(fd, messages + i, (unsigned)(count - i), 0);
        if (done < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != ENOBUFS && errno != EINTR)
            fail("sendmmsg: %s", strerror(errno));
        i += done > 0 ? (size_t)done : 1; /* a message that cannot be sent is lost */
    }
    sent += count;
}

static void receive(int fd, uint64_t wait)
{
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    uint8_t packet[4096];
    ssize_t size;
    if (ppoll(&ready, 1, &timeout, NULL) > 0)
        while ((size = recv(fd, packet, sizeof packet, 0)) > 0)
            take(packet, (size_t)size);
}

static void run_udp(void)
{
    int fd = open_socket();
    uint64_t start = clock_ns(), end = start + (uint64_t)(options.seconds * 1e9), now, last = start;
    size_t open_base = 0; /* questions given up */
    while ((now = clock_ns()) < end) {
        uint64_t wait;
        if (options.rate > 0) {
            size_t due = (size_t)((double)(now - start) / 1e9 * options.rate) + 1;
            size_t count = due > sent ? due - sent : 0;
            if (count > 0)
                send_batch(fd, count < BATCH ? count : BATCH, now);
            uint64_t next = start + (uint64_t)((double)sent / options.rate * 1e9);
            /* A flood sends about once a millisecond. Clients send each question at its time. */
            wait = next > now ? next - now : 0;
            if (options.kind != CLIENTS && wait > 0 && wait < 1000000)
                wait = 1000000;
        } else {
            size_t done = answered + truncated, open = sent - open_base - done;
            if (open < options.window) {
                size_t count = options.window - open;
                send_batch(fd, count < BATCH ? count : BATCH, now);
                if (count > BATCH)
                    continue;
            }
            wait = WINDOW_PATIENCE;
            receive(fd, wait);
            now = clock_ns();
            if (answered + truncated > done)
                last = now;
            else if (now - last > WINDOW_PATIENCE) {
                open_base = sent - (answered + truncated);
                last = now;
            }
            continue;
        }
        receive(fd, now + wait < end ? wait : end > now ? end - now : 0);
    }
    if (options.kind == CLIENTS)
        for (end = clock_ns() + PATIENCE; answered + truncated < sent && (now = clock_ns()) < end;)
            receive(fd, end - now);
    close(fd);
}

/* MARK: TCP: a connection for each question */

static struct connection {
    uint64_t since;
    uint8_t packet[2 + PACKET_MAX];
    size_t size;
    bool is_sent;
} connections[CONNECTIONS];
static struct pollfd polls[CONNECTIONS];

static void hang_up(size_t i)
{
    close(polls[i].fd);
    polls[i].fd = -1;
}

static void call(size_t i)
{
    struct connection *c = &connections[i];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source(next_random(&options.seed)))};
    struct linger none = {.l_onoff = 1}; /* close() resets the connection, so no port stays in TIME_WAIT */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    polls[i] = (struct pollfd){.fd = fd, .events = POLLOUT};
    c->since = clock_ns();
    c->size = ask(c->packet + 2, c->since);
    put16(c->packet, (unsigned)c->size);
    c->size += 2;
    c->is_sent = false;
    sent++;
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS))
        hang_up(i);
}

static void run_tcp(void)
{
    uint64_t start = clock_ns(), end = start + (uint64_t)(options.seconds * 1e9), now;
    for (size_t i = 0; i < CONNECTIONS; i++)
        polls[i].fd = -1;
    while ((now = clock_ns()) < end) {
        for (size_t i = 0; i < CONNECTIONS; i++)
            if (polls[i].fd < 0 && (double)sent < (double)(now - start) / 1e9 * options.rate + 1)
                call(i);
        poll(polls, CONNECTIONS, 1);
        now = clock_ns();
        for (size_t i = 0; i < CONNECTIONS; i++) {
            struct connection *c = &connections[i];
            if (polls[i].fd < 0)
                continue;
            if (polls[i].revents && !c->is_sent) {
                if (send(polls[i].fd, c->packet, c->size, MSG_NOSIGNAL) != (ssize_t)c->size) {
                    hang_up(i);
                    continue;
                }
                c->is_sent = true;
                polls[i].events = POLLIN;
            } else if (polls[i].revents) {
                uint8_t answer[4096];
                ssize_t size = recv(polls[i].fd, answer, sizeof answer, 0);
                if (size > 2)
                    take(answer + 2, (size_t)size - 2);
                hang_up(i);
            } else if (now - c->since > PATIENCE)
                hang_up(i);
        }
    }
}

/* MARK: Report */

static void report(void)
{
    qsort(latencies, latency_count, sizeof *latencies, ascending);
    printf("sent %zu\nanswered %zu\ntruncated %zu\nlost %zu\nwrong %zu\nper_second %.0f\np50_us %.1f\np99_us %.1f\n", sent, answered,
        truncated, sent - answered - truncated, wrong, (double)answered / options.seconds, percentile_us(latencies, latency_count, 50),
        percentile_us(latencies, latency_count, 99));
    for (int code = 0; code < 16; code++)
        if (response_codes[code] > 0)
            printf("rcode_%d %zu\n", code, response_codes[code]);
}

static void usage(FILE *out)
{
    fputs("usage: floodload [OPTION...] KIND\n"
          "Asks the name server on 127.0.0.1 and prints figures.\n"
          "  -p PORT  port of the name server (53)\n"
          "  -r R     questions per second (500); 0: each answer lets the next question leave\n"
          "  -w N     with -r 0: number of outstanding questions (1000)\n"
          "  -l L     seconds (1)\n"
          "  -a N     second octet of the resolvers' addresses 127.N.0.1, 127.N.1.1... (10)\n"
          "  -n N     number of resolvers (64)\n"
          "  -s SEED  seed of labels, types, and the order of resolvers (1)\n"
          "  -c       compare each address with that in Benchmarks/Pdns/geopipe.yaml\n"
          "KIND is one of\n"
          "  clients  www.geo.example.com, each question for another client subnet\n"
          "  names    random names below geo.example.com\n"
          "  deep     the same with three random labels\n"
          "  zones    www in random zones\n"
          "  types    www, random types\n"
          "  one      www, for 18,000 client subnets in turn\n"
          "  any      www, type ANY\n"
          "  tcp      www over TCP, a connection for each question\n"
          "  subnets  the same as clients\n",
          out);
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "p:r:w:l:a:n:s:ch")) != -1)
        switch (option) {
        case 'p': options.port = (unsigned)number(optarg, 1, 65535); break;
        case 'r': options.rate = number(optarg, 0, 1e6); break;
        case 'w': options.window = (unsigned)number(optarg, 1, 10000); break;
        case 'l': options.seconds = number(optarg, 0.01, 3600); break;
        case 'a': options.octet = (unsigned)number(optarg, 1, 254); break;
        case 'n': options.networks = (unsigned)number(optarg, 1, 256); break;
        case 's': options.seed = (uint64_t)number(optarg, 0, 1e9); break;
        case 'c': options.checks = true; break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
        }
    options.kind = KINDS;
    for (int i = 0; optind == argc - 1 && i < KINDS; i++)
        if (strcmp(argv[optind], kinds[i]) == 0)
            options.kind = (enum kind)i;
    if (options.kind == KINDS) {
        usage(stderr);
        return 2;
    }
    /* Far from the networks of the next seed, so that no cache has them. */
    network_count = options.kind == ONE ? 0 : options.seed * 999983;
    latencies = allocate(LATENCIES_MAX * sizeof *latencies);
    prctl(PR_SET_TIMERSLACK, 1ul);
    if (options.kind == TCP)
        run_tcp();
    else
        run_udp();
    report();
    return 0;
}
