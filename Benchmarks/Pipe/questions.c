#include "questions.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "fail.h"

#define LINE_MAX_SIZE 256
#define LABEL_MAX_SIZE 64 /* 63 bytes and the NUL */
#define NETWORKS (1u << 24)

struct prefix {
    uint32_t network;
    int length;
};

/* Networks that no client of a public name server has: the IANA special-purpose registry, multicast and above. */
static const struct prefix not_public[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24},
    {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 3},
};

/* Blocks from which the five regional registries assign addresses. A database has almost no networks in the rest of
   2000::/3. */
static const uint16_t ipv6_blocks[] = {0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00};

static bool is_public(uint32_t address)
{
    for (size_t i = 0; i < sizeof not_public / sizeof *not_public; i++)
        if ((address ^ not_public[i].network) >> (32 - not_public[i].length) == 0)
            return false;
    return true;
}

/* A permutation of the 24-bit numbers: each step is invertible, so different inputs give different outputs. */
static uint32_t shuffle(uint32_t x)
{
    x &= NETWORKS - 1;
    x ^= x >> 12;
    x = x * 0x9e3779b1u & (NETWORKS - 1);
    x ^= x >> 11;
    x = x * 0x85ebca6bu & (NETWORKS - 1);
    return x ^ x >> 13;
}

static uint32_t next_public_network(uint32_t *counter)
{
    uint32_t address;
    do
        address = shuffle((*counter)++) << 8;
    while (!is_public(address));
    return address;
}

static int print_question(char *line, const char *label, const char *client, const char *network, int length)
{
    return snprintf(line, LINE_MAX_SIZE, "Q\t%s.geo.example.com\tIN\tANY\t-1\t%s\t127.0.0.1\t%s/%d\n", label, client, network, length);
}

static int print_ipv4(char *line, const char *label, uint32_t network)
{
    char client_text[INET_ADDRSTRLEN], network_text[INET_ADDRSTRLEN];
    struct in_addr client_address = {htonl(network | (1 + shuffle(network) % 254))}, network_address = {htonl(network)};
    inet_ntop(AF_INET, &client_address, client_text, sizeof client_text);
    inet_ntop(AF_INET, &network_address, network_text, sizeof network_text);
    return print_question(line, label, client_text, network_text, 24);
}

static int print_ipv6(char *line, const char *label, uint32_t counter)
{
    char client_text[INET6_ADDRSTRLEN], network_text[INET6_ADDRSTRLEN];
    uint32_t spread = shuffle(counter);
    uint16_t block = ipv6_blocks[counter % (sizeof ipv6_blocks / sizeof *ipv6_blocks)];
    uint16_t groups[8] = {
        htons((uint16_t)(block | spread >> 20)), htons((uint16_t)(spread >> 4)), htons((uint16_t)(spread << 12)),
        htons((uint16_t)(shuffle(spread) << 8)),
    };
    inet_ntop(AF_INET6, groups, network_text, sizeof network_text);
    groups[7] = htons(53);
    inet_ntop(AF_INET6, groups, client_text, sizeof client_text);
    return print_question(line, label, client_text, network_text, 56);
}

static void print_label(char label[LABEL_MAX_SIZE], struct names names, size_t number)
{
    if (names.per_zone > 0)
        snprintf(label, LABEL_MAX_SIZE, "%s%zu.z%zu", names.label, number % names.per_zone, number / names.per_zone);
    else
        snprintf(label, LABEL_MAX_SIZE, "%s%zu", names.label, number);
}

struct questions questions_generate(size_t count, unsigned seed, unsigned ipv6_percent, struct names names)
{
    struct questions q = {.count = count};
    q.text = allocate(count * LINE_MAX_SIZE + 1);
    q.start = allocate((count + 1) * sizeof *q.start);
    uint32_t counter = seed;
    char label[LABEL_MAX_SIZE];
    snprintf(label, sizeof label, "%s", names.label);
    char *at = q.text;
    for (size_t i = 0; i < count; i++) {
        q.start[i] = (size_t)(at - q.text);
        if (names.count > 0)
            print_label(label, names, shuffle((uint32_t)~i) % names.count);
        if (shuffle((uint32_t)i ^ seed) % 100 < ipv6_percent)
            at += print_ipv6(at, label, counter++);
        else
            at += print_ipv4(at, label, next_public_network(&counter));
    }
    q.start[count] = (size_t)(at - q.text);
    return q;
}
