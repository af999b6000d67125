#ifndef QUESTIONS_H
#define QUESTIONS_H

#include <stddef.h>

/* Each question needs a public IPv4 /24, of which there are about 14 million. */
#define QUESTIONS_MAX 10000000

/* Questions in ABI 5 of pdns, one per line, each from another client network. Question `i` is the bytes from `start[i]`
   up to `start[i + 1]`, with its newline. */
struct questions {
    char *text;
    size_t *start;
    size_t count;
};

/* Names in geo.example.com. If `count` is 0, the only name is `label`; otherwise the names are `label` followed by a
   number from 0 to `count` - 1. If `per_zone` is not 0, each zone has that number of names: name N is `label` followed
   by N % per_zone, in the zone `z` followed by N / per_zone. */
struct names {
    const char *label;
    size_t count;
    size_t per_zone;
};

/* Generates questions. The same seed gives the same questions. `ipv6_percent` percent of the clients have IPv6
   addresses. All names are equally likely. */
struct questions questions_generate(size_t count, unsigned seed, unsigned ipv6_percent, struct names);

#endif
