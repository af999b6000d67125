/* Code that must be C: the arguments without /proc, and the handler of faults, which is async-signal-safe (signal-safety(7)). */
#ifndef CPROCESS_H
#define CPROCESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The number of arguments that execve(2) gave this program, and the arguments themselves, the name of the program first. They must
   not be changed. */
int process_argument_count(void);
char *const *process_arguments(void);

/* Sets the name of the process in ps(1) and top(1) (prctl(2)). Must be called by the first thread. */
void process_set_name(const char *name);

/* How to answer a question that a fault has interrupted, and how to restart the program. All memory must last as long as the process. */
struct fault_setup {
    /* The descriptors of questions and of answers. */
    int input, output;
    /* The number of faults since the last answer, in the programs that ran in this process before. */
    int faults;
    /* From `max_faults` faults in a row on, questions are only refused, for `pause` seconds. */
    int max_faults, pause;
    char *const *arguments;
    /* The handler fills in the first three places: an entry of each of the two tables below, and `unfit`. */
    char **environment;
    /* An environment variable with the names of images that must not be read, each followed by a comma. The handler may add one. */
    char *unfit;
    size_t unfit_size;
    /* A file for lines that have no answer yet: the restarted program reads it and empties it. -1 if there is none. If this program has
       not taken what an earlier one left in it, it hands that on unchanged. */
    int rest;
    /* Environment variables by the version of the dialogue, and by the number of faults, 0...max_faults. */
    char *const *takeovers;
    char *const *counts;
};

/* Handles all faults from now on. Must be called by the thread that answers. */
void fault_install(const struct fault_setup *setup);

/* Sets the name of the image that is being read for the first time; an empty name for none. Ignored unless the thread that answers
   calls it. */
void fault_set_reading(const char *image);

/* The state that the handler reads. */
struct fault_state {
    bool is_installed;
    volatile bool is_answering;
    /* The line at hand, or the last one; only its end if it was too long to keep. NULL if there was none since the input was read. */
    const char *volatile line;
    volatile size_t line_length;
    /* The first line whose answer has not been sent; before there is one, the beginning of the input. */
    const char *volatile first;
    /* The end of the input that has been read. All after the line at hand has no answer yet. */
    const char *volatile input_end;
    /* The ABI version of the dialogue; 0 before the handshake. */
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

/* All lines before the line at hand have been answered, and a part of its own answer has been sent. */
static inline void fault_part_sent(void) { fault_state.first = fault_state.line; }

static inline void fault_set_input(const void *start, const void *end) {
    fault_state.line = NULL;
    fault_state.first = (const char *)start;
    fault_state.input_end = (const char *)end;
}

static inline int fault_dialogue_version(void) { return fault_state.version; }

/* Ignored without a handler, because no dialogue can be continued then. */
static inline void fault_set_dialogue_version(int version) {
    if (fault_state.is_installed) fault_state.version = version;
}

/* Interrupts this process by a signal every `interval` microseconds, and ends it after `limit` seconds.
 *
 * When another process wakes up, Linux may let a computing process keep its core until the next clock tick, up to 4 ms, whatever its nice
 * value: the scheduler decides only when the process enters the kernel. The signal makes it enter the kernel often. */
void interrupt_often(long interval, long limit);

#endif
