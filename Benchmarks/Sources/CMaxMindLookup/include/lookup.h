/* Lookups through libmaxminddb as a C program makes them: what a backend that reads the database on the way of a question pays. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MMDB_s MMDB_s;

/* An IPv6 address in host order. */
struct address {
    uint64_t high, low;
};

/* The addresses that begin like `first`, up to bit `length`. */
struct network {
    struct address first;
    unsigned length;
};

/* NULL if the file cannot be opened. */
MMDB_s *maxmind_open(const char *path);

/* Finds the country of each address and, if asked for, its continent and coordinates. Returns a number that depends on all that was
   found, so that no compiler can leave anything out. */
uint64_t maxmind_find_ipv4(const MMDB_s *, const uint32_t *addresses, size_t count, bool coordinates);
uint64_t maxmind_find_ipv6(const MMDB_s *, const struct address *addresses, size_t count, bool coordinates);

/* The networks in 2000::/3 that the database knows and that carry no IPv4 addresses, at most `capacity` of them. Returns their number. */
size_t maxmind_ipv6_networks(const MMDB_s *, struct network *networks, size_t capacity);

#endif
