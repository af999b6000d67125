#include "lookup.h"

#include <arpa/inet.h>
#include <maxminddb.h>
#include <stdlib.h>
#include <string.h>

MMDB_s *maxmind_open(const char *path)
{
    MMDB_s *database = malloc(sizeof *database);
    if (database && MMDB_open(path, MMDB_MODE_MMAP, database) == MMDB_SUCCESS)
        return database;
    free(database);
    return NULL;
}

static uint64_t code(MMDB_entry_s *entry, const char *of, const char *key)
{
    MMDB_entry_data_s data;
    if (MMDB_get_value(entry, &data, of, key, NULL) != MMDB_SUCCESS || !data.has_data || data.data_size < 2)
        return 0;
    return (uint64_t)data.utf8_string[0] << 8 | (uint64_t)data.utf8_string[1];
}

static uint64_t degrees(MMDB_entry_s *entry, const char *key)
{
    MMDB_entry_data_s data;
    if (MMDB_get_value(entry, &data, "location", key, NULL) != MMDB_SUCCESS || !data.has_data)
        return 0;
    return (uint64_t)(int64_t)data.double_value;
}

static uint64_t find(const MMDB_s *database, const struct sockaddr *address, bool coordinates)
{
    int error;
    MMDB_lookup_result_s result = MMDB_lookup_sockaddr(database, address, &error);
    if (error != MMDB_SUCCESS || !result.found_entry)
        return 0;
    uint64_t found = result.netmask + code(&result.entry, "country", "iso_code");
    if (coordinates)
        found += code(&result.entry, "continent", "code") + degrees(&result.entry, "latitude") + degrees(&result.entry, "longitude");
    return found;
}

uint64_t maxmind_find_ipv4(const MMDB_s *database, const uint32_t *addresses, size_t count, bool coordinates)
{
    uint64_t sum = 0;
    struct sockaddr_in address = {.sin_family = AF_INET};
    for (size_t i = 0; i < count; i++) {
        address.sin_addr.s_addr = htonl(addresses[i]);
        sum += find(database, (const struct sockaddr *)&address, coordinates);
    }
    return sum;
}

uint64_t maxmind_find_ipv6(const MMDB_s *database, const struct address *addresses, size_t count, bool coordinates)
{
    uint64_t sum = 0;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    for (size_t i = 0; i < count; i++) {
        uint64_t halves[2] = {htobe64(addresses[i].high), htobe64(addresses[i].low)};
        memcpy(&address.sin6_addr, halves, sizeof halves);
        sum += find(database, (const struct sockaddr *)&address, coordinates);
    }
    return sum;
}

struct collection {
    struct network *networks;
    size_t count, capacity;
};

/* 6to4 and Teredo: aliases of the database's IPv4 part. */
static bool carries_ipv4(struct network n)
{
    return (n.length == 16 && n.first.high >> 48 == 0x2002) || (n.length == 32 && n.first.high >> 32 == 0x20010000);
}

static struct network half(struct network n, bool upper)
{
    if (upper && n.length < 64)
        n.first.high |= UINT64_C(1) << (63 - n.length);
    else if (upper)
        n.first.low |= UINT64_C(1) << (127 - n.length);
    n.length++;
    return n;
}

static void collect(const MMDB_s *database, uint64_t record, uint8_t type, struct network n, struct collection *c)
{
    if (c->count == c->capacity || carries_ipv4(n))
        return;
    if (type == MMDB_RECORD_TYPE_DATA)
        c->networks[c->count++] = n;
    MMDB_search_node_s node;
    if (type != MMDB_RECORD_TYPE_SEARCH_NODE || n.length == 128 || MMDB_read_node(database, (uint32_t)record, &node) != MMDB_SUCCESS)
        return;
    /* Addresses in 2000::/3 begin with the bits 0, 0, 1. */
    if (n.length >= 3 || n.length < 2)
        collect(database, node.left_record, node.left_record_type, half(n, false), c);
    if (n.length >= 2)
        collect(database, node.right_record, node.right_record_type, half(n, true), c);
}

size_t maxmind_ipv6_networks(const MMDB_s *database, struct network *networks, size_t capacity)
{
    struct collection c = {networks, 0, capacity};
    if (database->metadata.ip_version == 6)
        collect(database, 0, MMDB_RECORD_TYPE_SEARCH_NODE, (struct network){0}, &c);
    return c.count;
}
