#include <stdint.h>
#include <string.h>

/* Searches sixteen bytes at once with vector instructions. Swift's own vectors work byte by byte where their functions are not
   specialized. A result has a bit for each byte, the lowest for the first byte. All sixteen bytes must be readable. */

typedef uint8_t bytes16 __attribute__((ext_vector_type(16)));
typedef _Bool bits16 __attribute__((ext_vector_type(16)));

static inline bytes16 bytes16_at(const void *place) {
    bytes16 bytes;
    memcpy(&bytes, place, sizeof bytes);
    return bytes;
}

/* Returns a bit for each byte of `mask`, which is 0 or 0xff. */
static inline uint32_t bits_of_bytes16(bytes16 mask) {
    const bits16 bits = __builtin_convertvector(mask, bits16);
    uint16_t result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* Finds the tabs. */
static inline uint32_t bytes16_tabs(const void *bytes) { return bits_of_bytes16((bytes16)(bytes16_at(bytes) == '\t')); }

struct name16 {
    uint32_t dots;
    /* Backslashes, and bytes that pdns escapes with one: those that are not graphic ASCII. */
    uint32_t escapes;
};

/* Copies sixteen bytes of a name, with A to Z in lower case, and finds dots and escapes in them. */
static inline struct name16 bytes16_copy_name(const void *name, void *target) {
    const bytes16 bytes = bytes16_at(name);
    const bytes16 capitals = (bytes16)((bytes16)(bytes - 'A') <= 'Z' - 'A');
    const bytes16 lower = bytes | (capitals & 0x20);
    memcpy(target, &lower, sizeof lower);
    const bytes16 graphic = (bytes16)((bytes16)(bytes - '!') <= '~' - '!');
    return (struct name16){
        .dots = bits_of_bytes16((bytes16)(bytes == '.')),
        .escapes = bits_of_bytes16(~graphic | (bytes16)(bytes == '\\')),
    };
}

/* Prefetches the cache lines from `start` to `end`, at most four, without waiting for them. */
static inline void prefetch_lines(const void *start, const void *end) {
    const char *line = start;
    for (int i = 0; i < 4 && line < (const char *)end; i++, line += 64) __builtin_prefetch(line);
}
