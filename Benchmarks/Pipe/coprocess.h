#ifndef COPROCESS_H
#define COPROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A coprocess, started as pdns starts it: fork and execv, no shell, two pipes of 64 KiB. Every function ends the run if
   the coprocess ends early, is silent for too long, or gives an answer that no geographic name has. */
struct coprocess {
    char **command;
    const char *name;
    pid_t pid;
    int questions; /* this process writes; non-blocking */
    int answers;   /* this process reads; non-blocking */
};

/* The cost of a start, in nanoseconds. A backend may say OK before it loads its data. Both times count, because pdns
   waits for the first answer as long as for OK. */
struct start_cost {
    uint64_t banner; /* from before the first fork until the last coprocess has said OK */
    uint64_t answer; /* from before the first fork until the last has answered its first question */
    uint64_t cpu;    /* processor time of the first coprocess until then */
};

struct memory {
    double resident; /* all in MiB, from smaps_rollup */
    double private;  /* mapped by this process alone */
    double dirty;    /* the part of `private` that no file backs: each further coprocess needs it again */
};

/* User time and total time since the start, in clock ticks. The kernel samples the split. It is good for seconds of
   steady work, and wrong for a process that wakes up for a microsecond at a time. */
struct ticks {
    uint64_t user;
    uint64_t all;
};

uint64_t wall_clock(void);

/* Starts all coprocesses at once, as pdns does for its threads, and asks each the question. */
struct start_cost coprocess_start(struct coprocess *, size_t count, const char *question, size_t size);
void coprocess_stop(struct coprocess *);

/* Kills the coprocess with SIGKILL. */
void coprocess_kill(struct coprocess *);

/* Writes all of `questions` as fast as the pipe accepts them, and reads answers until `count` have come. These include
   answers to questions that were written before. */
void coprocess_ask(struct coprocess *, const char *questions, size_t size, size_t count);

/* Binds this process to the first allowed core, and the coprocess to the same core or, if `apart`, to the second. */
void coprocess_pin(const struct coprocess *, int apart);
int cores_available(void);

/* Limits coprocesses that start later to the first `count` cores. */
void cores_limit(int count);

uint64_t coprocess_cpu(const struct coprocess *);
struct ticks coprocess_ticks(const struct coprocess *);
struct memory coprocess_memory(const struct coprocess *);

#endif
