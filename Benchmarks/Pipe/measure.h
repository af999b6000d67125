#ifndef MEASURE_H
#define MEASURE_H

#include "coprocess.h"
#include "questions.h"

/* Nanoseconds a question. */
enum metric { WALL, CPU, P50, P99, METRICS };

/* One turn of one contender: a round of the bulk, or a batch asked one at a time (only then P50 and P99 are
   set). */
struct turn {
    double metric[METRICS];
};

/* All turns of one contender. Turn `i` of one and turn `i` of another ran next to each other in time, so whatever else the machine did
   fell on both alike: compare turn by turn. */
struct phase {
    struct turn *turns;
    size_t count;
    uint32_t *latencies; /* ns, ascending, of all turns; none for the bulk */
    size_t latency_count;
};

/* Where the scheduler puts the two ends of a pipe decides nearly all of a single question's time: a switch on one core takes a tenth
   of waking another core up. Left to itself it keeps one contender here and another there for seconds, and their ratio says nothing.
   So each placement is measured by itself. */
enum placement { TOGETHER, APART, PLACEMENTS };

struct contender {
    struct coprocess coprocess;
    struct questions questions; /* as many for each contender, and at least one */
    struct start_cost *starts;
    struct start_cost *joint_starts; /* of several at once */
    struct phase bulk; /* APART where there are two cores */
    struct ticks bulk_ticks;
    struct phase single[PLACEMENTS]; /* APART stays empty where there is but one core */
    struct memory at_start, memory; /* before the first and after the last question */
};

struct plan {
    size_t starts;
    const char *before_start; /* what the shell does before each of these; NULL: nothing */
    int kills;                /* each is killed before the next starts, and does not come to its end */
    int awaits_idleness;      /* no question is asked before all coprocesses are idle, but for the first */
    size_t at_once; /* coprocesses started together, each time; 0: none are */
    size_t rounds;  /* of the bulk, all questions each */
    size_t batches; /* of questions asked one at a time, in each placement */
    size_t batch;   /* questions a batch: enough for a 99th percentile */
    size_t strip;   /* of them asked of one contender before it is the next one's turn */
};

/* Fork takes longer the more memory the parent has: start before making questions. */
void measure_starts(struct contender *, size_t contenders, const struct plan *);
void measure_answers(struct contender *, size_t contenders, const struct plan *);

/* The nearest-rank percentile, from 1 to 100, of one or more ascending values. */
uint32_t percentile(const uint32_t *ascending, size_t count, unsigned percent);

#endif
