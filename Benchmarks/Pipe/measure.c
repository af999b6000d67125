#include "measure.h"

#include <stdlib.h>
#include <unistd.h>

#include "fail.h"

/* Questions at the start of each strip that are not measured: the processor's caches still hold the data of the
   contender before. */
#define WARM_UP 8

/* All coprocesses are restarted between two generations, in the other order: a process may have a lucky place in
   memory, and must not keep it for the whole run. */
#define GENERATIONS 2

/* A coprocess checks its files once a second. If it uses less than 1% of a core for longer than that, it has no other
   work. */
#define IDLE_SECONDS 3
#define IDLE_PERCENT 1
#define PATIENCE_SECONDS 60

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t percentile(const uint32_t *values, size_t count, unsigned percent)
{
    return values[(count * percent + 99) / 100 - 1];
}

/* Returns the contender at a place in a turn. The order is reversed each turn. */
static struct contender *in_turn(struct contender *all, size_t count, size_t turn, size_t place)
{
    return &all[turn % 2 ? count - 1 - place : place];
}

static void prepare(struct phase *p, size_t turns, size_t latencies)
{
    p->count = turns;
    p->turns = allocate(turns * sizeof *p->turns + 1);
    p->latencies = allocate(latencies * sizeof *p->latencies + 1);
    p->latency_count = latencies;
}

static void prepare_all(struct contender *c, const struct plan *plan)
{
    prepare(&c->bulk, plan->rounds, 0);
    for (int placement = 0; placement < PLACEMENTS; placement++)
        if (placement == TOGETHER || cores_available() > 1)
            prepare(&c->single[placement], plan->batches, plan->batches * plan->batch);
}

static void ask_all(struct contender *c, struct turn *turn)
{
    const struct questions *q = &c->questions;
    uint64_t cpu = coprocess_cpu(&c->coprocess), wall = wall_clock();
    coprocess_ask(&c->coprocess, q->text, q->start[q->count], q->count);
    turn->metric[WALL] = (double)(wall_clock() - wall) / (double)q->count;
    turn->metric[CPU] = (double)(coprocess_cpu(&c->coprocess) - cpu) / (double)q->count;
}

static void ask_one(struct contender *c, size_t i)
{
    const struct questions *q = &c->questions;
    size_t start = q->start[i % q->count];
    coprocess_ask(&c->coprocess, q->text + start, q->start[i % q->count + 1] - start, 1);
}

/* Returns the coprocess's processor time in nanoseconds. */
static uint64_t ask_strip(struct contender *c, size_t first, size_t size, uint32_t *latencies)
{
    for (size_t i = 0; i < WARM_UP; i++)
        ask_one(c, first + size + i);
    uint64_t cpu = coprocess_cpu(&c->coprocess), before = wall_clock();
    for (size_t i = 0; i < size; i++) {
        ask_one(c, first + i);
        uint64_t now = wall_clock();
        latencies[i] = (uint32_t)(now - before);
        before = now;
    }
    return coprocess_cpu(&c->coprocess) - cpu;
}

static void summarize(struct turn *turn, uint32_t *latencies, size_t count, uint64_t cpu)
{
    double wall = 0;
    for (size_t i = 0; i < count; i++)
        wall += latencies[i];
    qsort(latencies, count, sizeof *latencies, ascending);
    turn->metric[WALL] = wall / (double)count;
    turn->metric[CPU] = (double)cpu / (double)count;
    turn->metric[P50] = percentile(latencies, count, 50);
    turn->metric[P99] = percentile(latencies, count, 99);
}

static void bulk_turn(struct contender *all, size_t count, size_t turn)
{
    for (size_t place = 0; place < count; place++) {
        struct contender *c = in_turn(all, count, turn, place);
        ask_all(c, &c->bulk.turns[turn]);
    }
}

static void single_turn(struct contender *all, size_t count, const struct plan *plan, enum placement placement, size_t turn)
{
    uint64_t cpu[count];
    for (size_t i = 0; i < count; i++)
        cpu[i] = 0;
    size_t first = turn * plan->batch, end = first + plan->batch, strip = 0;
    for (size_t at = first; at < end; at += plan->strip, strip++)
        for (size_t place = 0; place < count; place++) {
            struct contender *c = in_turn(all, count, strip, place);
            size_t size = end - at < plan->strip ? end - at : plan->strip;
            cpu[c - all] += ask_strip(c, at, size, c->single[placement].latencies + at);
        }
    for (size_t i = 0; i < count; i++) {
        struct phase *p = &all[i].single[placement];
        summarize(&p->turns[turn], p->latencies + first, plan->batch, cpu[i]);
    }
}

/* Returns the first turn of a generation. Its last turn is the one before the next generation's first. */
static size_t first_turn(size_t turns, size_t generation)
{
    return turns * generation / GENERATIONS;
}

static void add_ticks(struct ticks *sum, struct ticks before, struct ticks now)
{
    sum->user += now.user - before.user;
    sum->all += now.all - before.all;
}

static void measure_bulk(struct contender *all, size_t count, size_t generation)
{
    struct ticks before[count];
    for (size_t i = 0; i < count; i++) {
        coprocess_pin(&all[i].coprocess, cores_available() > 1);
        before[i] = coprocess_ticks(&all[i].coprocess);
    }
    size_t end = first_turn(all->bulk.count, generation + 1);
    for (size_t turn = first_turn(all->bulk.count, generation); turn < end; turn++)
        bulk_turn(all, count, turn);
    for (size_t i = 0; i < count; i++)
        add_ticks(&all[i].bulk_ticks, before[i], coprocess_ticks(&all[i].coprocess));
}

static void measure_single(struct contender *all, size_t count, const struct plan *plan, enum placement placement, size_t generation)
{
    size_t turns = all->single[placement].count, end = first_turn(turns, generation + 1);
    for (size_t i = 0; i < count; i++)
        coprocess_pin(&all[i].coprocess, placement == APART);
    for (size_t turn = first_turn(turns, generation); turn < end; turn++)
        single_turn(all, count, plan, placement, turn);
}

static void prepare_start(const struct plan *plan)
{
    if (plan->before_start && system(plan->before_start) != 0)
        fail("the command '%s' fails", plan->before_start);
}

static void end(struct coprocess *c, const struct plan *plan)
{
    if (plan->kills)
        coprocess_kill(c);
    else
        coprocess_stop(c);
}

static struct start_cost start(struct contender *c)
{
    return coprocess_start(&c->coprocess, 1, c->questions.text, c->questions.start[1]);
}

static void measure_joint_starts(struct contender *all, size_t count, const struct plan *plan)
{
    struct coprocess crowd[plan->at_once];
    for (size_t i = 0; i < count; i++)
        all[i].joint_starts = allocate(plan->starts * sizeof *all[i].joint_starts);
    for (size_t turn = 0; turn < plan->starts; turn++)
        for (size_t place = 0; place < count; place++) {
            struct contender *c = in_turn(all, count, turn, place);
            for (size_t i = 0; i < plan->at_once; i++)
                crowd[i] = c->coprocess;
            prepare_start(plan);
            c->joint_starts[turn] = coprocess_start(crowd, plan->at_once, c->questions.text, c->questions.start[1]);
            for (size_t i = 0; i < plan->at_once; i++)
                end(&crowd[i], plan);
        }
}

void measure_starts(struct contender *all, size_t count, const struct plan *plan)
{
    for (size_t i = 0; i < count; i++)
        all[i].starts = allocate(plan->starts * sizeof *all[i].starts);
    for (size_t turn = 0; turn < plan->starts; turn++)
        for (size_t place = 0; place < count; place++) {
            struct contender *c = in_turn(all, count, turn, place);
            prepare_start(plan);
            c->starts[turn] = start(c);
            end(&c->coprocess, plan);
        }
    if (plan->at_once > 0)
        measure_joint_starts(all, count, plan);
}

static uint64_t cpu_of_all(const struct contender *all, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += coprocess_cpu(&all[i].coprocess);
    return sum;
}

static void await_idleness(const struct contender *all, size_t count)
{
    uint64_t limit = (uint64_t)IDLE_SECONDS * 1000000000u / 100 * IDLE_PERCENT * count;
    for (int waited = 0; waited < PATIENCE_SECONDS; waited += IDLE_SECONDS) {
        uint64_t before = cpu_of_all(all, count);
        sleep(IDLE_SECONDS);
        if (cpu_of_all(all, count) - before <= limit)
            return;
    }
    fail("the coprocesses are still busy after %d s", PATIENCE_SECONDS);
}

static void measure_generation(struct contender *all, size_t count, const struct plan *plan, size_t generation)
{
    for (size_t place = 0; place < count; place++)
        start(in_turn(all, count, generation, place));
    for (size_t i = 0; i < count; i++)
        all[i].at_start = coprocess_memory(&all[i].coprocess);
    if (plan->awaits_idleness)
        await_idleness(all, count);
    measure_bulk(all, count, generation);
    for (int placement = 0; placement < PLACEMENTS; placement++)
        if (all->single[placement].count > 0)
            measure_single(all, count, plan, placement, generation);
    for (size_t i = 0; i < count; i++) {
        all[i].memory = coprocess_memory(&all[i].coprocess);
        coprocess_stop(&all[i].coprocess);
    }
}

void measure_answers(struct contender *all, size_t count, const struct plan *plan)
{
    for (size_t i = 0; i < count; i++)
        prepare_all(&all[i], plan);
    for (size_t generation = 0; generation < GENERATIONS; generation++)
        measure_generation(all, count, plan, generation);
    for (size_t i = 0; i < count; i++)
        for (int placement = 0; placement < PLACEMENTS; placement++) {
            struct phase *p = &all[i].single[placement];
            if (p->count > 0)
                qsort(p->latencies, p->latency_count, sizeof *p->latencies, ascending);
        }
}
