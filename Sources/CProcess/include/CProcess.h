/* What must be C: the arguments without /proc, and all that runs while a fault is handled (signal-safety(7)). */
#ifndef CPROCESS_H
#define CPROCESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The number of arguments that execve(2) gave this program, and the arguments themselves, the name of the program first. Nothing
   may change them. */
int process_argument_count(void);
char *const *process_arguments(void);

/* Has the process called `name` in lists of processes (prctl(2)); to be called by the first thread. */
void process_set_name(const char *name);

/* How to answer for a question that a fault has cut short, and how to begin anew. All of it must last as long as the process. */
struct fault_setup {
    /* Where questions come from, and where answers go. */
    int input, output;
    /* The number of faults since the last answer, in the programs that were here before this one. */
    int faults;
    /* That number at which questions are only refused, and for how many seconds. */
    int patience, pause;
    char *const *arguments;
    /* Three places at its beginning are filled in: with one of each of the two tables, and with `unfit`. */
    char **environment;
    /* A variable of the environment, of images that are to be left out: each with a comma after it. One more may be added. */
    char *unfit;
    size_t unfit_size;
    /* A file for lines that have come and have no answer yet: the program that begins anew reads it, and empties it. -1 if there is none.
       What another program has left in it is handed on as it is, as long as this one has not taken it. */
    int rest;
    /* By the version of the dialogue, and by the number of faults up to `patience`. */
    char *const *takeovers;
    char *const *counts;
};

/* Handles all faults from now on; to be called by the thread that answers. */
void fault_install(const struct fault_setup *setup);

/* Tells of the name of the image that is read for the first time, or with an empty name that none is. Only the thread that answers has
   anything to tell. */
void fault_set_reading(const char *image);

/* What the handler knows. */
struct fault_state {
    bool is_installed;
    volatile bool is_answering;
    /* The line at hand, or the last that was; of one too long to keep, the end of it. NULL if none was since the input was read. */
    const char *volatile line;
    volatile size_t line_length;
    /* The first of the lines whose answers have not been sent; before there is one, where what has been read begins. */
    const char *volatile first;
    /* Where what has been read ends: all after the line at hand has no answer yet. */
    const char *volatile input_end;
    /* The version that the dialogue has settled on; 0 before that. */
    volatile int version;
    volatile int faults;
};

extern struct fault_state fault_state;

static inline void fault_begin_answer(const void *line, size_t length) {
    fault_state.line = (const char *)line;
    if (!fault_state.is_answering) fault_state.first = (const char *)line;
    fault_state.line_length = length;
    fault_state.is_answering = true;
}

static inline void fault_end_answers(void) {
    if (!fault_state.is_answering) return;
    fault_state.is_answering = false;
    fault_state.faults = 0;
}

/* All before the line at hand has been answered, and a part of its own answer has been sent. */
static inline void fault_part_sent(void) { fault_state.first = fault_state.line; }

static inline void fault_set_input(const void *start, const void *end) {
    fault_state.line = NULL;
    fault_state.first = (const char *)start;
    fault_state.input_end = (const char *)end;
}

static inline int fault_dialogue_version(void) { return fault_state.version; }

/* Without a handler there is no dialogue to go on with. */
static inline void fault_set_dialogue_version(int version) {
    if (fault_state.is_installed) fault_state.version = version;
}

/* Has a signal interrupt this process every `interval` microseconds, and end it after `limit` seconds.
 *
 * Linux may let a process that computes keep its core until the next tick of its clock, 4 ms, whatever its nice value, when another is
 * woken: it looks only when the process enters the kernel. So it does. */
void interrupt_often(long interval, long limit);

#endif
