#ifndef QUESTIONS_H
#define QUESTIONS_H

#include <stddef.h>

/* More would run out of public IPv4 networks of 24 bits, of which there are some 14 million. */
#define QUESTIONS_MAX 10000000

/* Questions as pdns asks them over ABI 5, one a line, each from another client network. Question `i` is the bytes from
   `start[i]` up to `start[i + 1]`, newline included. */
struct questions {
    char *text;
    size_t *start;
    size_t count;
};

/* Names in geo.example.com: `label` itself or, with a `count`, `label` with a number from 0 to `count` - 1 behind it. With
   `per_zone`, so many of these are in one zone: number N is `label` with N % per_zone, in the zone z with N / per_zone. */
struct names {
    const char *label;
    size_t count;
    size_t per_zone;
};

/* The same seed gives the same questions. `ipv6_percent` of the clients have IPv6 addresses; names are drawn, each as likely as the next. */
struct questions questions_generate(size_t count, unsigned seed, unsigned ipv6_percent, struct names);

#endif
