/* Shared code of the load generators for DNS: time, random numbers, client networks, parts of a message, latencies. */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "../Pipe/fail.h"

#define IDS 65536
#define PATIENCE 2000000000ull /* ns after which a question counts as lost */
#define OPT 41                 /* RFC 6891 */
#define CLIENT_SUBNET 8        /* RFC 7871 */

/* Returns the time of the monotonic clock in nanoseconds. */
static inline uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Returns the next number of SplitMix64. */
static inline uint64_t next_random(uint64_t *seed)
{
    uint64_t x = *seed += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Maps a count to a /24, scattered over the address space. Both steps are invertible, so different counts below 2^24
   give different networks. Returns false for networks that no client has. */
static inline _Bool is_client_network(uint64_t count, uint32_t *result)
{
    uint32_t network = (uint32_t)(count * 0x9e3779b1u) & 0xffffff;
    network ^= network >> 13;
    uint32_t first = network >> 16;
    *result = network << 8;
    return first >= 1 && first < 224 && first != 127;
}

/* Writes 16 bits in network byte order. Returns the position after them. */
static inline uint8_t *put16(uint8_t *at, unsigned value)
{
    *at++ = (uint8_t)(value >> 8);
    *at++ = (uint8_t)value;
    return at;
}

/* Compares two `uint32_t` for qsort(3). */
static inline int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Returns the nearest-rank percentile (1 to 100) of ascending times in ns, as microseconds; 0 without times. */
static inline double percentile_us(const uint32_t *times, size_t count, unsigned percent)
{
    return count == 0 ? 0 : times[(count * percent + 99) / 100 - 1] / 1e3;
}

/* Returns the number in an option's text. Ends the program if it is not from `least` to `most`. */
static inline double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most))
        fail("'%s' is not a number from %g to %g", text, least, most);
    return value;
}

#endif
