#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "measure.h"

/* Tables for people: each contender, then its ratio to the first. */
void report(const struct contender *, size_t contenders, const struct plan *, size_t questions);

/* All contenders' figures for a program to read, one a line: the contender, what it is, a number and, of a ratio to the first contender,
   the ends of its 95% interval. */
void report_figures(FILE *, const struct contender *, size_t contenders, const struct plan *);

#endif
