#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "measure.h"

/* Tables for people: each contender, then its ratio to the first. */
void report(const struct contender *, size_t contenders, const struct plan *, size_t questions);

/* The last contender's figures for a program to read, one a line: a name, a number and, of a ratio, the ends of its 95% interval. */
void report_figures(FILE *, const struct contender *, size_t contenders, const struct plan *);

#endif
