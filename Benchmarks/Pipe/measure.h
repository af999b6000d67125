#ifndef MEASURE_H
#define MEASURE_H

#include "coprocess.h"
#include "questions.h"

/* Nanoseconds per question. */
enum metric { WALL, CPU, P50, P99, METRICS };

/* One turn of one contender: a round of the bulk, or a batch of questions asked one at a time. Only a batch sets P50
   and P99. */
struct turn {
    double metric[METRICS];
};

/* All turns of one contender. Turn `i` of one contender ran just before or after turn `i` of another, so other work of
   the machine affected both alike. Compare turn by turn. */
struct phase {
    struct turn *turns;
    size_t count;
    uint32_t *latencies; /* ns, ascending, of all turns; none for the bulk */
    size_t latency_count;
};

/* The cores of a pipe's two ends. They decide nearly all of a single question's time: a switch on one core takes a
   tenth of the time of waking another core. The scheduler alone may give two contenders different placements for
   seconds, and then their ratio says nothing. So each placement is measured on its own. */
enum placement { TOGETHER, APART, PLACEMENTS };

struct contender {
    struct coprocess coprocess;
    struct questions questions; /* the same number for each contender, at least 1 */
    struct start_cost *starts;
    struct start_cost *joint_starts; /* of several coprocesses at once */
    struct phase bulk; /* APART if there are two cores */
    struct ticks bulk_ticks;
    struct phase single[PLACEMENTS]; /* APART is empty if there is one core */
    struct memory at_start, memory; /* before the first and after the last question */
};

struct plan {
    size_t starts;
    const char *before_start; /* shell command before each start; NULL: none */
    int kills;                /* coprocesses are killed instead of stopped */
    int awaits_idleness;      /* all questions but the first wait until all coprocesses are idle */
    size_t at_once; /* coprocesses of each joint start; 0: no joint starts */
    size_t rounds;  /* of the bulk; each has all questions */
    size_t batches; /* of questions asked one at a time, in each placement */
    size_t batch;   /* questions per batch: enough for a 99th percentile */
    size_t strip;   /* questions of a batch to one contender before the next contender's turn */
};

/* Measure starts before you generate questions: fork takes longer if the parent has more memory. */
void measure_starts(struct contender *, size_t contenders, const struct plan *);
void measure_answers(struct contender *, size_t contenders, const struct plan *);

/* Returns the nearest-rank percentile (1 to 100) of at least one ascending value. */
uint32_t percentile(const uint32_t *ascending, size_t count, unsigned percent);

#endif
