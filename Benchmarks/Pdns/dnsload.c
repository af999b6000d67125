/* Asks a name server on the loopback interface. Each question comes from another client, and each answer is compared
   with the expected one. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define SOCKETS 16 /* with `reuseport`, the kernel assigns each socket to one receiver of pdns */
#define PLACES 4
#define ITEMS_MAX 16
#define LATENCIES_MAX (1u << 23)
#define PACKET_MAX 1232

enum expectation { ANY_RECORD, THIS_ADDRESS, NO_RECORD, NO_NAME };

struct expected {
    enum expectation kind;
    uint8_t address[16];
};

/* One kind of question. */
struct item {
    const char *text;
    unsigned weight;
    /* Each label `*` becomes a label that no other question has; `{1-99}` becomes a number from 1 to 99. */
    char name[256];
    uint16_t type;
    size_t type_size; /* bytes of such a record's data; 0: any size */
    struct expected expected[PLACES];
    size_t asked, answered, wrong;
};

/* A question that waits for its answer. */
struct waiting {
    uint64_t since; /* ns; 0: no question with this id is outstanding */
    struct item *item;
    unsigned place;
    size_t answer; /* offset of the answer section in the packet */
};

static struct options {
    unsigned port;
    double rate; /* questions per second; 0: each answer lets the next question leave */
    unsigned outstanding;
    double seconds;
    uint64_t seed;
    bool subnets;
} options = {.port = 53, .outstanding = 100, .seconds = 1, .seed = 1, .subnets = true};

static struct item items[ITEMS_MAX];
static size_t item_count;
static unsigned total_weight;

static struct pollfd sockets[SOCKETS];
static struct waiting waiting[IDS];
static uint16_t next_id, oldest_id;
static size_t outstanding;

static uint64_t start;
static uint32_t client_counter;
static uint32_t *latencies;
static size_t sent, answered, lost, wrong, response_codes[16];
static uint64_t first_wrong, last_wrong;

/* Returns an IPv4 /24 that no other question of this run has, from 1.0.0.0 to 223.255.255.255 without 127.0.0.0/8. */
static uint32_t next_network(void)
{
    uint32_t network;
    while (!is_client_network(client_counter++, &network))
        ;
    return network;
}

/* MARK: Kinds of questions */

static uint16_t parse_type(const char *text, size_t *size)
{
    static const struct {
        const char *name;
        uint16_t type;
        size_t size;
    } types[] = {{"A", 1, 4}, {"AAAA", 28, 16}, {"MX", 15, 0}, {"TXT", 16, 0}, {"SOA", 6, 0}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(text, types[i].name) == 0) {
            *size = types[i].size;
            return types[i].type;
        }
    fail("type %s is none of A, AAAA, MX, TXT and SOA", text);
}

static struct expected parse_expected(const char *text)
{
    struct expected e = {.kind = THIS_ADDRESS};
    if (strcmp(text, "*") == 0)
        e.kind = ANY_RECORD;
    else if (strcmp(text, "-") == 0)
        e.kind = NO_RECORD;
    else if (strcmp(text, "!") == 0)
        e.kind = NO_NAME;
    else if (inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, e.address) != 1)
        fail("'%s' is neither an address nor one of *, - and !", text);
    return e;
}

/* Reads a range such as `{1-99}`. Returns the length of its text, or 0 if the text is not a range. */
static size_t parse_range(const char *text, unsigned long *first, unsigned long *last)
{
    int size = 0;
    if (sscanf(text, "{%9lu-%9lu}%n", first, last, &size) != 2 || *last < *first)
        return 0;
    return (size_t)size;
}

static void check_ranges(const char *name)
{
    unsigned long first, last;
    while ((name = strchr(name, '{'))) {
        size_t size = parse_range(name, &first, &last);
        if (size == 0)
            fail("'%s' does not begin with a range such as {1-99}", name);
        name += size;
        if (memchr(name, '{', strcspn(name, ".")))
            fail("'%s' has a second range in one label", name);
    }
}

static void add_item(const char *text)
{
    if (item_count == ITEMS_MAX)
        fail("more than %d kinds of questions", ITEMS_MAX);
    struct item *item = &items[item_count++];
    char copy[512], *rest = copy, *weight, *name, *type, *word;
    snprintf(copy, sizeof copy, "%s", text);
    item->text = text;
    weight = strsep(&rest, ",");
    name = strsep(&rest, ",");
    type = strsep(&rest, ",");
    if (!rest)
        fail("'%s' is not WEIGHT,NAME,TYPE,EXPECTED", text);
    item->weight = (unsigned)strtoul(weight, NULL, 10);
    total_weight += item->weight;
    snprintf(item->name, sizeof item->name, "%s", name);
    check_ranges(item->name);
    item->type = parse_type(type, &item->type_size);
    size_t count = 0;
    for (; count < PLACES && (word = strsep(&rest, ",")); count++)
        item->expected[count] = parse_expected(word);
    if (count != 1 && count != PLACES)
        fail("'%s' has expected answers for %zu places; write 1 or %d", text, count, PLACES);
    for (; count < PLACES; count++)
        item->expected[count] = item->expected[0];
}

static struct item *draw_item(void)
{
    unsigned lot = (unsigned)(next_random(&options.seed) % total_weight);
    struct item *item = items;
    for (; lot >= item->weight; item++)
        lot -= item->weight;
    return item;
}

/* MARK: Packets */

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Writes the label that begins at `text`, with a random value for `*` or for a range. */
static void expand(char *label, size_t size, const char *text, size_t length)
{
    unsigned long first, last;
    const char *range = memchr(text, '{', length);
    if (*text == '*')
        snprintf(label, size, "%012llx", (unsigned long long)next_random(&options.seed) >> 16);
    else if (!range)
        snprintf(label, size, "%.*s", (int)length, text);
    else {
        size_t before = (size_t)(range - text), written = parse_range(range, &first, &last);
        snprintf(label, size, "%.*s%llu%.*s", (int)before, text, first + (unsigned long long)next_random(&options.seed) % (last - first + 1),
                 (int)(length - before - written), range + written);
    }
}

static uint8_t *put_name(uint8_t *at, const char *name)
{
    while (*name) {
        size_t length = strcspn(name, ".");
        char label[64];
        expand(label, sizeof label, name, length);
        size_t size = strlen(label);
        *at++ = (uint8_t)size;
        memcpy(at, label, size);
        at += size;
        name += length + (name[length] == '.');
    }
    *at++ = 0;
    return at;
}

/* Returns the size of the packet. */
static size_t put_question(uint8_t *packet, uint16_t id, const struct item *item, uint32_t network, size_t *answer)
{
    uint8_t *at = put16(packet, id);
    memset(at, 0, 10);
    at[3] = 1; /* question */
    at[9] = 1; /* additional record */
    at = put_name(at + 10, item->name);
    at = put16(put16(at, item->type), 1);
    *answer = (size_t)(at - packet);
    *at++ = 0;
    at = put16(put16(at, OPT), PACKET_MAX);
    at = put16(put16(at, 0), 0);
    if (!options.subnets)
        return (size_t)(put16(at, 0) - packet);
    at = put16(at, 11);
    at = put16(put16(at, CLIENT_SUBNET), 7);
    at = put16(at, 1); /* IPv4 */
    *at++ = 24;
    *at++ = 0;
    *at++ = (uint8_t)(network >> 24);
    *at++ = (uint8_t)(network >> 16);
    *at++ = (uint8_t)(network >> 8);
    return (size_t)(at - packet);
}

/* Returns the position after the name at `at`, or NULL. */
static const uint8_t *skip_name(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at != 0 && *at < 192)
        at += *at + 1;
    if (at >= end)
        return NULL;
    return at + (*at == 0 ? 1 : 2);
}

static bool is_expected(const struct waiting *w, const uint8_t *packet, size_t size)
{
    const struct expected *e = &w->item->expected[w->place];
    unsigned response_code = packet[3] & 15, records = get16(packet + 6), fitting = 0, others = 0;
    if (e->kind == NO_NAME)
        return response_code == 3;
    if (response_code != 0)
        return false;
    const uint8_t *at = packet + w->answer, *end = packet + size;
    for (; records > 0; records--) {
        at = skip_name(at, end);
        if (!at || end - at < 10 || end - at - 10 < (ptrdiff_t)get16(at + 8))
            return false;
        size_t length = get16(at + 8);
        if (get16(at) == w->item->type) {
            bool fits = e->kind == ANY_RECORD || (length == w->item->type_size && memcmp(at + 10, e->address, length) == 0);
            *(fits ? &fitting : &others) += 1;
        }
        at += 10 + length;
    }
    return others == 0 && (fitting > 0) == (e->kind != NO_RECORD);
}

/* MARK: Sending and receiving */

/* Without client subnets, the sockets have four source addresses, one for each place. With client subnets, the source
   address does not matter. */
static void open_sockets(void)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        uint32_t source = options.subnets ? 0x7f400001 + i : 0x7f000001 + (i % PLACES << 22);
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int buffer = 1 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
            fail("socket %u: %s", i, strerror(errno));
        sockets[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
}

static void give_up(struct waiting *w)
{
    w->since = 0;
    outstanding--;
    lost++;
}

static void ask(void)
{
    uint8_t packet[PACKET_MAX];
    struct waiting *w = &waiting[next_id];
    if (w->since)
        give_up(w);
    unsigned socket = (unsigned)(next_random(&options.seed) % SOCKETS);
    uint32_t network = next_network();
    w->item = draw_item();
    w->place = options.subnets ? network >> 30 : socket % PLACES;
    size_t size = put_question(packet, next_id, w->item, network, &w->answer);
    w->since = clock_ns();
    sent++;
    w->item->asked++;
    outstanding++;
    next_id++;
    if (send(sockets[socket].fd, packet, size, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != ENOBUFS)
        fail("send: %s", strerror(errno));
}

static void take(const uint8_t *packet, size_t size)
{
    struct waiting *w = &waiting[get16(packet)];
    if (size < 12 || !w->since || size < w->answer)
        return;
    uint64_t now = clock_ns();
    if (answered < LATENCIES_MAX)
        latencies[answered] = (uint32_t)(now - w->since);
    answered++;
    w->item->answered++;
    response_codes[packet[3] & 15]++;
    if (!is_expected(w, packet, size)) {
        wrong++;
        w->item->wrong++;
        last_wrong = now;
        if (!first_wrong)
            first_wrong = now;
    }
    w->since = 0;
    outstanding--;
}

static void take_all(uint64_t wait)
{
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    uint8_t packet[4096];
    if (ppoll(sockets, SOCKETS, &timeout, NULL) <= 0)
        return;
    for (unsigned i = 0; i < SOCKETS; i++)
        if (sockets[i].revents) {
            ssize_t size;
            while ((size = recv(sockets[i].fd, packet, sizeof packet, 0)) > 0)
                take(packet, (size_t)size);
        }
}

static void give_up_old(uint64_t now)
{
    for (; oldest_id != next_id; oldest_id++) {
        struct waiting *w = &waiting[oldest_id];
        if (w->since && now - w->since < PATIENCE)
            return;
        if (w->since)
            give_up(w);
    }
}

/* Without a rate, each answer lets the next question leave (closed loop). With a rate, each question leaves at its time
   (open loop). */
static void run(void)
{
    uint64_t end, now;
    start = now = clock_ns();
    end = start + (uint64_t)(options.seconds * 1e9);
    while (now < end) {
        uint64_t wait = end - now;
        if (options.rate > 0) {
            uint64_t due;
            while ((due = start + (uint64_t)((double)sent / options.rate * 1e9)) <= now && due < end)
                ask();
            wait = due > now ? due - now : 0;
        } else {
            while (outstanding < options.outstanding)
                ask();
            wait = wait < 100000000 ? wait : 100000000;
        }
        take_all(wait);
        give_up_old(now = clock_ns());
    }
}

static void report(size_t in_time)
{
    printf("sent %zu\nanswered %zu\nlost %zu\nwrong %zu\nper_second %.0f\n", sent, answered, lost, wrong, (double)in_time / options.seconds);
    size_t count = answered < LATENCIES_MAX ? answered : LATENCIES_MAX;
    qsort(latencies, count, sizeof *latencies, ascending);
    printf("p50_us %.1f\np99_us %.1f\n", percentile_us(latencies, count, 50), percentile_us(latencies, count, 99));
    for (int code = 0; code < 16; code++)
        if (response_codes[code] > 0)
            printf("rcode_%d %zu\n", code, response_codes[code]);
    if (wrong > 0)
        printf("first_wrong_s %.3f\nlast_wrong_s %.3f\n", (double)(first_wrong - start) / 1e9, (double)(last_wrong - start) / 1e9);
    for (size_t i = 0; i < item_count; i++)
        printf("item %zu %zu %zu %s\n", items[i].asked, items[i].answered, items[i].wrong, items[i].text);
}

static void usage(FILE *out)
{
    fputs("usage: dnsload [OPTION...] WEIGHT,NAME,TYPE,EXPECTED...\n"
          "Asks the name server on 127.0.0.1 and prints figures. Each question has another /24 as its client subnet.\n"
          "  -p PORT  port of the name server (53)\n"
          "  -o N     number of outstanding questions (100)\n"
          "  -r R     instead of -o: questions per second\n"
          "  -l L     seconds (1)\n"
          "  -s SEED  seed of clients, labels and the order of questions (1)\n"
          "  -n       no client subnets: the places are 127.0.0.1, 127.64.0.1, 127.128.0.1 and 127.192.0.1\n"
          "Each question has another label in place of a label * of NAME, and a number from 1 to 99 in place of\n"
          "{1-99}. TYPE is A, AAAA, MX, SOA or TXT. EXPECTED is an address, * (any record of that type), - (the name\n"
          "exists without such a record) or ! (the name does not exist). Four of these, separated by commas, are for\n"
          "clients in 0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/2 and 192.0.0.0/2.\n",
          out);
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "p:o:r:l:s:nh")) != -1)
        switch (option) {
        case 'p': options.port = (unsigned)number(optarg, 1, 65535); break;
        case 'o': options.outstanding = (unsigned)number(optarg, 1, 10000); break;
        case 'r': options.rate = number(optarg, 1, 1e6); break;
        case 'l': options.seconds = number(optarg, 0.01, 3600); break;
        case 's': options.seed = (uint64_t)number(optarg, 0, 1e9); break;
        case 'n': options.subnets = false; break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
        }
    for (int i = optind; i < argc; i++)
        add_item(argv[i]);
    if (total_weight == 0) {
        usage(stderr);
        return 2;
    }
    /* Far from the networks of the next seed, so that no cache has them. */
    client_counter = (uint32_t)(options.seed * 99991);
    latencies = allocate(LATENCIES_MAX * sizeof *latencies);
    prctl(PR_SET_TIMERSLACK, 1ul);
    open_sockets();
    run();
    size_t in_time = answered;
    for (uint64_t end = clock_ns() + PATIENCE, now; outstanding > 0 && (now = clock_ns()) < end;)
        take_all(end - now);
    lost = sent - answered;
    report(in_time);
    return 0;
}
