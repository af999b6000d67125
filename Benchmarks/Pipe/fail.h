#ifndef FAIL_H
#define FAIL_H

#include <stddef.h>

/* Says what is wrong on standard error and ends the run with status 1: a benchmark of wrong answers is worth nothing. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* malloc that never gives NULL. */
void *allocate(size_t size);

#endif
