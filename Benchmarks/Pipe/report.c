#include "report.h"

#include <math.h>
#include <stdlib.h>

#include "fail.h"

/* A median and its 95% confidence interval. Order statistics need no assumption about the distribution of noise. */
struct median {
    double low, value, high;
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct median median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    size_t reach = (size_t)ceil(0.98 * sqrt((double)count)), middle = count / 2;
    double value = count % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    return (struct median){
        values[middle > reach ? middle - reach : 0],
        value,
        values[middle + reach < count ? middle + reach : count - 1],
    };
}

static double typical(const struct phase *p, enum metric metric)
{
    double *values = allocate(p->count * sizeof *values);
    for (size_t i = 0; i < p->count; i++)
        values[i] = p->turns[i].metric[metric];
    double value = median(values, p->count).value;
    free(values);
    return value;
}

static struct median ratio(const struct phase *p, const struct phase *floor, enum metric metric)
{
    double *ratios = allocate(p->count * sizeof *ratios);
    for (size_t i = 0; i < p->count; i++)
        ratios[i] = p->turns[i].metric[metric] / floor->turns[i].metric[metric];
    struct median result = median(ratios, p->count);
    free(ratios);
    return result;
}

static struct start_cost typical_start(const struct start_cost *starts, size_t count)
{
    double *banner = allocate(count * sizeof *banner), *answer = allocate(count * sizeof *answer), *cpu = allocate(count * sizeof *cpu);
    for (size_t i = 0; i < count; i++) {
        banner[i] = (double)starts[i].banner;
        answer[i] = (double)starts[i].answer;
        cpu[i] = (double)starts[i].cpu;
    }
    struct start_cost cost = {
        (uint64_t)median(banner, count).value,
        (uint64_t)median(answer, count).value,
        (uint64_t)median(cpu, count).value,
    };
    free(banner);
    free(answer);
    free(cpu);
    return cost;
}

/* Returns the part of a question's processor time in the bulk that the program took; the kernel took the rest. */
static double user_part(const struct contender *c, double cpu)
{
    return c->bulk_ticks.all ? cpu * (double)c->bulk_ticks.user / (double)c->bulk_ticks.all : 0;
}

static double latency(const struct phase *p, unsigned percent)
{
    return percentile(p->latencies, p->latency_count, percent);
}

static void print_ratios(const char *of, const char *to, const struct phase *p, const struct phase *floor, int columns)
{
    static const enum metric metrics[] = {WALL, CPU, P50, P99};
    char name[64];
    snprintf(name, sizeof name, "%s / %s", of, to);
    printf("  %-18s", name);
    for (int i = 0; i < columns; i++)
        printf("%13.3f", ratio(p, floor, metrics[i]).value);
    printf("\n  %-18s", "  95% interval");
    for (int i = 0; i < columns; i++) {
        struct median r = ratio(p, floor, metrics[i]);
        char range[32];
        int decimals = r.high < 10 ? 3 : 1;
        snprintf(range, sizeof range, "%.*f-%.*f", decimals, r.low, decimals, r.high);
        printf("%13s", range);
    }
    putchar('\n');
}

static void report_bulk(const struct contender *all, size_t count, const struct plan *plan, size_t questions)
{
    if (plan->rounds == 0)
        return;
    printf("\n%zu questions at once, %zu rounds in turn (a question's median time)\n", questions, plan->rounds);
    printf("  %-18s%13s%13s%13s%13s%13s\n", "", "wall ns", "CPU ns", "user ns", "M/s", "M/CPU s");
    for (size_t i = 0; i < count; i++) {
        const struct phase *p = &all[i].bulk;
        double wall = typical(p, WALL), cpu = typical(p, CPU);
        printf("  %-18s%13.1f%13.1f%13.1f%13.2f%13.2f\n", all[i].coprocess.name, wall, cpu, user_part(&all[i], cpu), 1e3 / wall, 1e3 / cpu);
    }
    for (size_t i = 1; i < count; i++)
        print_ratios(all[i].coprocess.name, all[0].coprocess.name, &all[i].bulk, &all[0].bulk, 2);
}

/* A contender's own processor time is its time minus the first contender's. The kernel's share, which is nearly all of
   the time, is the same for both. */
static void report_single(const struct contender *all, size_t count, const struct plan *plan, enum placement placement)
{
    static const char *const where[] = {[TOGETHER] = "one core for both ends", [APART] = "a core for each end"};
    if (all[0].single[placement].count == 0)
        return;
    printf("\n%zu questions one at a time, %zu in turn, %s\n", plan->batches * plan->batch, plan->strip, where[placement]);
    printf("  %-18s%13s%13s%13s%13s%13s%13s\n", "", "wall us", "CPU us", "p50 us", "p99 us", "own CPU us", "k/s");
    for (size_t i = 0; i < count; i++) {
        const struct phase *p = &all[i].single[placement];
        double wall = typical(p, WALL), cpu = typical(p, CPU);
        printf("  %-18s%13.2f%13.2f%13.2f%13.2f%13.2f%13.1f\n", all[i].coprocess.name, wall / 1e3, cpu / 1e3, latency(p, 50) / 1e3,
               latency(p, 99) / 1e3, (cpu - typical(&all[0].single[placement], CPU)) / 1e3, 1e6 / wall);
    }
    for (size_t i = 1; i < count; i++)
        print_ratios(all[i].coprocess.name, all[0].coprocess.name, &all[i].single[placement], &all[0].single[placement], 4);
}

static void print_start(const char *name, struct start_cost start)
{
    printf("  %-18s%13.2f%13.2f%13.2f", name, (double)start.banner / 1e6, (double)start.answer / 1e6, (double)start.cpu / 1e6);
}

static void report_process(const struct contender *all, size_t count, const struct plan *plan)
{
    printf("\nStart, from fork to OK and to the first answer (median of %zu), and MiB of memory after that and after all questions\n", plan->starts);
    printf("  %-18s%13s%13s%13s%13s%13s%13s%13s\n", "", "OK ms", "answer ms", "CPU ms", "private", "afterwards", "of it dirty", "resident");
    for (size_t i = 0; i < count; i++) {
        const struct memory *m = &all[i].memory;
        print_start(all[i].coprocess.name, typical_start(all[i].starts, plan->starts));
        printf("%13.2f%13.2f%13.2f%13.2f\n", all[i].at_start.private, m->private, m->dirty, m->resident);
        if (plan->at_once > 0) {
            print_start("  all at once", typical_start(all[i].joint_starts, plan->starts));
            putchar('\n');
        }
    }
}

void report(const struct contender *all, size_t count, const struct plan *plan, size_t questions)
{
    report_bulk(all, count, plan, questions);
    report_single(all, count, plan, APART);
    report_single(all, count, plan, TOGETHER);
    report_process(all, count, plan);
}

static void print_figure(FILE *out, const struct contender *c, const char *name, double value)
{
    fprintf(out, "%s %s %.4f\n", c->coprocess.name, name, value);
}

static void print_ratio(FILE *out, const struct contender *c, const char *name, const struct phase *p, const struct phase *floor,
                        enum metric metric)
{
    struct median r = ratio(p, floor, metric);
    fprintf(out, "%s %s %.3f %.3f %.3f\n", c->coprocess.name, name, r.value, r.low, r.high);
}

static void print_start_figures(FILE *out, const struct contender *c, const char *kind, struct start_cost start)
{
    const char *name = c->coprocess.name;
    fprintf(out, "%s %s_banner_ms %.4f\n%s %s_answer_ms %.4f\n%s %s_cpu_ms %.4f\n", name, kind, (double)start.banner / 1e6, name, kind,
            (double)start.answer / 1e6, name, kind, (double)start.cpu / 1e6);
}

static void print_bulk_figures(FILE *out, const struct contender *c, const struct contender *floor)
{
    double cpu = typical(&c->bulk, CPU);
    print_figure(out, c, "bulk_per_core_second", 1e9 / cpu);
    print_figure(out, c, "bulk_ns", cpu);
    print_figure(out, c, "bulk_user_ns", user_part(c, cpu));
    print_ratio(out, c, "bulk", &c->bulk, &floor->bulk, CPU);
    for (size_t i = 0; i < c->bulk.count; i++)
        print_figure(out, c, "bulk_turn_ns", c->bulk.turns[i].metric[CPU]);
}

static void print_single_figures(FILE *out, const struct contender *c, const struct contender *floor, enum placement placement)
{
    static const char *const names[PLACEMENTS][3] = {
        [TOGETHER] = {"own_us_together", "p50_together", "p99_together"},
        [APART] = {"own_us_apart", "p50_apart", "p99_apart"},
    };
    const struct phase *p = &c->single[placement], *of_floor = &floor->single[placement];
    print_figure(out, c, names[placement][0], (typical(p, CPU) - typical(of_floor, CPU)) / 1e3);
    print_ratio(out, c, names[placement][1], p, of_floor, P50);
    print_ratio(out, c, names[placement][2], p, of_floor, P99);
}

void report_figures(FILE *out, const struct contender *all, size_t count, const struct plan *plan)
{
    for (const struct contender *c = all; c < all + count; c++) {
        print_start_figures(out, c, "one", typical_start(c->starts, plan->starts));
        if (plan->at_once > 0)
            print_start_figures(out, c, "joint", typical_start(c->joint_starts, plan->starts));
        print_figure(out, c, "dirty_at_start", c->at_start.dirty);
        print_figure(out, c, "private", c->memory.private);
        print_figure(out, c, "dirty", c->memory.dirty);
        if (plan->rounds > 0)
            print_bulk_figures(out, c, &all[0]);
        for (int placement = 0; placement < PLACEMENTS; placement++)
            if (c->single[placement].count > 0)
                print_single_figures(out, c, &all[0], placement);
    }
}
