/* Look-ups through libmaxminddb in C, as in a backend that reads the database for each question. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MMDB_s MMDB_s;

/* An IPv6 address in host byte order. */
struct address {
    uint64_t high, low;
};

/* The addresses that have their first `length` bits in common with `first`. */
struct network {
    struct address first;
    unsigned length;
};

/* Opens a database. Returns NULL if the file cannot be opened. */
MMDB_s *maxmind_open(const char *path);

/* Finds the country of each address and, if `coordinates`, its continent and coordinates. Returns a number that depends
   on all results, so that the compiler cannot remove a look-up. */
uint64_t maxmind_find_ipv4(const MMDB_s *, const uint32_t *addresses, size_t count, bool coordinates);
uint64_t maxmind_find_ipv6(const MMDB_s *, const struct address *addresses, size_t count, bool coordinates);

/* Writes the networks in 2000::/3 that the database has and that carry no IPv4 addresses, at most `capacity` of them.
   Returns their number. */
size_t maxmind_ipv6_networks(const MMDB_s *, struct network *networks, size_t capacity);

#endif
