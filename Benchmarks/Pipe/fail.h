#ifndef FAIL_H
#define FAIL_H

#include <stddef.h>

/* Prints the message on standard error and exits with status 1. A benchmark of wrong answers has no value. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Allocates memory. Ends the program if there is none. */
void *allocate(size_t size);

#endif
