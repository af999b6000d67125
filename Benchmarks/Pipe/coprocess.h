#ifndef COPROCESS_H
#define COPROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A command started as pdns starts it: fork and execv, no shell, two plain pipes of 64 KiB. Every function ends the run when the
   coprocess ends early, is silent for too long, or answers what no geographic name should. */
struct coprocess {
    char **command;
    const char *name;
    pid_t pid;
    int questions; /* we write; does not block */
    int answers;   /* we read; does not block */
};

/* What a start cost, in nanoseconds. A backend may say OK first and load what it answers from then: both count, since pdns waits as
   long for an answer as for the OK. */
struct start_cost {
    uint64_t banner; /* from before the first fork until the last has said OK */
    uint64_t answer; /* until the last has answered its first question */
    uint64_t cpu;    /* of the first coprocess until then */
};

struct memory {
    double resident; /* all in MiB, from smaps_rollup */
    double private;  /* held by this process alone */
    double dirty;    /* of it, not backed by a file: what every further coprocess costs again */
};

/* User time and all time in clock ticks since the start. The kernel samples this split; that is good for seconds of steady work, and
   worthless for a process that wakes up for a microsecond at a time. */
struct ticks {
    uint64_t user;
    uint64_t all;
};

uint64_t wall_clock(void);

/* Starts all at once, as pdns does with those of its threads, and asks each the question. */
struct start_cost coprocess_start(struct coprocess *, size_t count, const char *question, size_t size);
void coprocess_stop(struct coprocess *);

/* Ends it as a kill -9 does, in whatever it is about. */
void coprocess_kill(struct coprocess *);

/* Writes all of `questions` as fast as the pipe takes it while reading the answers, until `count` have come; some may have been asked
   before. */
void coprocess_ask(struct coprocess *, const char *questions, size_t size, size_t count);

/* Binds this process to the first core it may use, and the coprocess to the same or, `apart`, to the second. */
void coprocess_pin(const struct coprocess *, int apart);
int cores_available(void);

/* Leaves coprocesses that start from now on only the first `count` of the cores. */
void cores_limit(int count);

uint64_t coprocess_cpu(const struct coprocess *);
struct ticks coprocess_ticks(const struct coprocess *);
struct memory coprocess_memory(const struct coprocess *);

#endif
