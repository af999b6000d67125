#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "measure.h"

/* Prints tables: each contender, then its ratio to the first. */
void report(const struct contender *, size_t contenders, const struct plan *, size_t questions);

/* Writes the figures of all contenders for programs, one per line: the contender, the figure's name and its value. A
   ratio to the first contender is followed by the ends of its 95% interval. */
void report_figures(FILE *, const struct contender *, size_t contenders, const struct plan *);

#endif
