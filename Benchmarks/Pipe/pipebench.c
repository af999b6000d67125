/* Compares coprocesses of the pipe backend with the first one. A contender's name is the file name of its program. To
   compare two configurations of one program, give it two links with different names. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "measure.h"
#include "report.h"

#define CONTENDERS_MAX 8

struct options {
    size_t questions, singles;
    unsigned seed, ipv6_percent;
    const char *label, *label_counts;
    size_t labels_per_zone;
    bool generate;
    const char *figures;
    struct plan plan;
};

static void usage(FILE *out)
{
    fputs("usage: pipebench [OPTION...] -- COMMAND [ARGUMENT...] [-- COMMAND [ARGUMENT...]]...\n"
          "       pipebench -g [OPTION...]\n"
          "Starts the commands as pdns starts a pipe backend and compares each with the first.\n"
          "  -n N     questions at once, each from another client (1000000; 0: measure the start alone)\n"
          "  -m M     questions one at a time (250000; 0: none)\n"
          "  -b B     questions per batch; ratios are computed batch by batch (200)\n"
          "  -r R     rounds of questions at once (12)\n"
          "  -t T     starts (11)\n"
          "  -a A     also measure joint starts of A coprocesses (0: no joint starts)\n"
          "  -x CMD   shell command before each start (none)\n"
          "  -K       kill each coprocess with SIGKILL before the next start\n"
          "  -i       wait until the coprocesses are idle before the measurement of questions\n"
          "  -c C     maximum number of cores (0: all)\n"
          "  -6 PCT   share of clients with IPv6 addresses, in percent (0)\n"
          "  -s SEED  seed of the clients' addresses (1)\n"
          "  -q LABEL label in geo.example.com to ask for (my)\n"
          "  -k K,... number of labels for each command: LABEL0 to LABEL<K-1> (0: LABEL alone); the last K is for all\n"
          "           further commands\n"
          "  -z Z     labels per zone: LABEL<N mod Z>.z<N / Z> (0: all in geo.example.com)\n"
          "  -o FILE  write the figures to FILE in a form for programs\n"
          "  -g       print the greeting and N questions, and start no command\n",
          out);
}

static size_t number(const char *text, size_t least, size_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
        fail("'%s' is not a number from %zu to %zu", text, least, most);
    return (size_t)value;
}

static struct options parse_options(int argc, char **argv)
{
    struct options o = {
        .questions = 1000000,
        .singles = 250000,
        .seed = 1,
        .label = "my",
        .label_counts = "0",
        .plan = {.starts = 11, .rounds = 12, .batch = 200, .strip = 50},
    };
    int option;
    while ((option = getopt(argc, argv, "+n:m:b:r:t:a:x:Kic:6:s:q:k:z:o:gh")) != -1)
        switch (option) {
        case 'n': o.questions = number(optarg, 0, QUESTIONS_MAX); break;
        case 'm': o.singles = number(optarg, 0, 100000000); break;
        case 'b': o.plan.batch = number(optarg, 1, 1000000); break;
        case 'r': o.plan.rounds = number(optarg, 1, 1000); break;
        case 't': o.plan.starts = number(optarg, 1, 1000); break;
        case 'a': o.plan.at_once = number(optarg, 0, 100); break;
        case 'x': o.plan.before_start = optarg; break;
        case 'K': o.plan.kills = 1; break;
        case 'i': o.plan.awaits_idleness = 1; break;
        case 'c': cores_limit((int)number(optarg, 0, 1024)); break;
        case '6': o.ipv6_percent = (unsigned)number(optarg, 0, 100); break;
        case 's': o.seed = (unsigned)number(optarg, 0, 1u << 31); break;
        case 'q': o.label = optarg; break;
        case 'k': o.label_counts = optarg; break;
        case 'z': o.labels_per_zone = number(optarg, 0, 1000000); break;
        case 'o': o.figures = optarg; break;
        case 'g': o.generate = true; break;
        case 'h': usage(stdout); exit(0);
        default: usage(stderr); exit(2);
        }
    if (o.questions == 0)
        o.plan.rounds = 0;
    else
        o.plan.batches = (o.singles + o.plan.batch - 1) / o.plan.batch;
    return o;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Replaces each `--` by NULL, because execv needs NULL at the end of a command. */
static size_t split_commands(char **words, struct contender *contenders)
{
    size_t count = 0;
    while (*words) {
        if (count == CONTENDERS_MAX)
            fail("more than %d commands", CONTENDERS_MAX);
        contenders[count++].coprocess = (struct coprocess){.command = words, .name = base_name(*words)};
        while (*words && strcmp(*words, "--") != 0)
            words++;
        if (*words)
            *words++ = NULL;
    }
    return count;
}

/* Removes the next contender's number of labels from `counts`, unless it is the last number. */
static struct questions next_questions(const struct options *o, size_t question_count, const char **counts)
{
    char count[16];
    size_t length = strcspn(*counts, ",");
    snprintf(count, sizeof count, "%.*s", (int)length, *counts);
    if ((*counts)[length] == ',')
        *counts += length + 1;
    return questions_generate(question_count, o->seed, o->ipv6_percent, (struct names){o->label, number(count, 0, 1000000), o->labels_per_zone});
}

static void give_questions(const struct options *o, size_t question_count, struct contender *contenders, size_t count)
{
    const char *label_counts = o->label_counts;
    for (size_t i = 0; i < count; i++)
        contenders[i].questions = next_questions(o, question_count, &label_counts);
}

static void print_questions(const struct options *o)
{
    const char *label_counts = o->label_counts;
    struct questions q = next_questions(o, o->questions, &label_counts);
    printf("HELO\t5\n");
    fwrite(q.text, 1, q.start[q.count], stdout);
    if (fflush(stdout) != 0)
        fail("the questions could not all be written");
}

static void write_figures(const struct options *o, const struct contender *contenders, size_t count)
{
    FILE *out = fopen(o->figures, "w");
    if (!out)
        fail("%s cannot be written", o->figures);
    report_figures(out, contenders, count, &o->plan);
    fclose(out);
}

int main(int argc, char **argv)
{
    struct options o = parse_options(argc, argv);
    if (o.generate) {
        print_questions(&o);
        return 0;
    }
    struct contender contenders[CONTENDERS_MAX] = {0};
    size_t count = split_commands(argv + optind, contenders);
    if (count == 0) {
        usage(stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    give_questions(&o, 1, contenders, count);
    measure_starts(contenders, count, &o.plan);
    if (o.questions > 0)
        give_questions(&o, o.questions, contenders, count);
    measure_answers(contenders, count, &o.plan);
    report(contenders, count, &o.plan, o.questions);
    if (o.figures)
        write_figures(&o, contenders, count);
}
