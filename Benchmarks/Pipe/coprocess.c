#define _GNU_SOURCE
#include "coprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"

#define PATIENCE_MS 30000
#define PIPE_SIZE (64 * 1024)

/* Lines, counted by their first byte. Only DATA and END may answer a question whose name exists. */
struct tally {
    size_t data, end, other;
    int inside_line;
};

static int cores_most; /* 0: no limit */

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t wall_clock(void)
{
    return nanoseconds(CLOCK_MONOTONIC);
}

uint64_t coprocess_cpu(const struct coprocess *c)
{
    clockid_t clock;
    if (clock_getcpuclockid(c->pid, &clock) != 0)
        fail("%s: its processor time cannot be read", c->name);
    return nanoseconds(clock);
}

static cpu_set_t allowed_cores(void)
{
    static cpu_set_t allowed; /* at the first call: after this process binds itself, the kernel returns fewer cores */
    if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        fail("sched_getaffinity: %s", strerror(errno));
    cpu_set_t first = allowed;
    for (int core = CPU_SETSIZE - 1; cores_most > 0 && CPU_COUNT(&first) > cores_most; core--)
        CPU_CLR(core, &first);
    return first;
}

void cores_limit(int count)
{
    cores_most = count;
}

static void exec_with(char **command, int input, int output)
{
    cpu_set_t allowed = allowed_cores();
    sched_setaffinity(0, sizeof allowed, &allowed);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0)
        execv(command[0], command);
    perror(command[0]);
    _exit(127);
}

static void launch(struct coprocess *c)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
        fail("pipe: %s", strerror(errno));
    c->pid = fork();
    if (c->pid < 0)
        fail("fork: %s", strerror(errno));
    if (c->pid == 0)
        exec_with(c->command, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    c->questions = to[1];
    c->answers = from[0];
    /* This does not affect the coprocess: each end of a pipe has its own flags. */
    fcntl(c->questions, F_SETFL, O_NONBLOCK);
    fcntl(c->answers, F_SETFL, O_NONBLOCK);
}

/* Waits until the coprocess has answered or, if `writing`, accepts questions. */
static void wait_for(const struct coprocess *c, int writing, int *readable, int *writable)
{
    struct pollfd ends[2] = {{c->answers, POLLIN, 0}, {c->questions, POLLOUT, 0}};
    if (poll(ends, writing ? 2 : 1, PATIENCE_MS) <= 0)
        fail("%s: silent for %d s", c->name, PATIENCE_MS / 1000);
    *readable = ends[0].revents != 0;
    *writable = writing && ends[1].revents != 0;
}

static size_t send_some(const struct coprocess *c, const char *bytes, size_t size)
{
    ssize_t written = write(c->questions, bytes, size);
    if (written >= 0)
        return (size_t)written;
    if (errno != EAGAIN)
        fail("%s: does not accept questions: %s", c->name, strerror(errno));
    return 0;
}

static size_t receive_some(const struct coprocess *c, char *buffer, size_t size)
{
    ssize_t got = read(c->answers, buffer, size);
    if (got > 0)
        return (size_t)got;
    if (got == 0)
        fail("%s: ended before it answered all questions", c->name);
    if (errno != EAGAIN)
        fail("%s: %s", c->name, strerror(errno));
    return 0;
}

static void count_lines(struct tally *t, const char *at, size_t size)
{
    const char *end = at + size;
    while (at < end) {
        if (!t->inside_line) {
            t->data += *at == 'D';
            t->end += *at == 'E';
            t->other += *at != 'D' && *at != 'E';
        }
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        t->inside_line = newline == NULL;
        at = newline ? newline + 1 : end;
    }
}

static void check(const struct coprocess *c, const struct tally *t, size_t count)
{
    if (t->other > 0)
        fail("%s: %zu lines that are neither DATA nor END", c->name, t->other);
    if (t->end != count || t->inside_line)
        fail("%s: %zu answers to %zu questions", c->name, t->end, count);
    if (t->data < count)
        fail("%s: only %zu DATA lines in %zu answers", c->name, t->data, count);
}

void coprocess_ask(struct coprocess *c, const char *questions, size_t size, size_t count)
{
    static char buffer[PIPE_SIZE];
    struct tally tally = {0};
    size_t sent = size > 0 ? send_some(c, questions, size) : 0;
    while (tally.other == 0 && (tally.end < count || tally.inside_line)) {
        int readable, writable;
        wait_for(c, sent < size, &readable, &writable);
        if (writable)
            sent += send_some(c, questions + sent, size - sent);
        if (readable)
            count_lines(&tally, buffer, receive_some(c, buffer, sizeof buffer));
    }
    check(c, &tally, count);
}

static void await_banner(struct coprocess *c)
{
    char line[PIPE_SIZE];
    size_t length = 0;
    while (length == 0 || line[length - 1] != '\n') {
        int readable, writable;
        wait_for(c, 0, &readable, &writable);
        length += receive_some(c, line + length, sizeof line - length);
    }
    if (strncmp(line, "OK\t", 3) != 0)
        fail("%s: answers the greeting with '%.*s' instead of OK", c->name, (int)length - 1, line);
}

struct start_cost coprocess_start(struct coprocess *all, size_t count, const char *question, size_t size)
{
    static const char greeting[] = "HELO\t5\n";
    struct start_cost cost;
    uint64_t before = wall_clock();
    for (size_t i = 0; i < count; i++) {
        launch(&all[i]);
        send_some(&all[i], greeting, sizeof greeting - 1);
    }
    for (size_t i = 0; i < count; i++)
        await_banner(&all[i]);
    cost.banner = wall_clock() - before;
    for (size_t i = 0; i < count; i++)
        send_some(&all[i], question, size);
    for (size_t i = 0; i < count; i++)
        coprocess_ask(&all[i], NULL, 0, 1);
    cost.answer = wall_clock() - before;
    cost.cpu = coprocess_cpu(&all[0]);
    return cost;
}

void coprocess_stop(struct coprocess *c)
{
    int status, readable, writable;
    char surplus;
    close(c->questions);
    wait_for(c, 0, &readable, &writable);
    if (read(c->answers, &surplus, 1) != 0)
        fail("%s: writes more after its last answer", c->name);
    close(c->answers);
    if (waitpid(c->pid, &status, 0) < 0 || status != 0)
        fail("%s: exits with status %d at the end of its input", c->name, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

void coprocess_kill(struct coprocess *c)
{
    kill(c->pid, SIGKILL);
    if (waitpid(c->pid, NULL, 0) < 0)
        fail("%s: %s", c->name, strerror(errno));
    close(c->questions);
    close(c->answers);
}

int cores_available(void)
{
    cpu_set_t allowed = allowed_cores();
    return CPU_COUNT(&allowed);
}

static void pin(pid_t process, int nth)
{
    cpu_set_t allowed = allowed_cores(), one;
    int core = 0;
    for (; !CPU_ISSET(core, &allowed) || nth > 0; core++)
        nth -= CPU_ISSET(core, &allowed) != 0;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    if (sched_setaffinity(process, sizeof one, &one) < 0)
        fail("sched_setaffinity: %s", strerror(errno));
}

void coprocess_pin(const struct coprocess *c, int apart)
{
    pin(0, 0);
    pin(c->pid, apart ? 1 : 0);
}

static FILE *open_proc(const struct coprocess *c, const char *file)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)c->pid, file);
    FILE *stream = fopen(path, "r");
    if (!stream)
        fail("%s: %s", path, strerror(errno));
    return stream;
}

struct ticks coprocess_ticks(const struct coprocess *c)
{
    FILE *stat = open_proc(c, "stat");
    unsigned long user, system;
    /* The second field, the program's name, is in parentheses and may contain spaces. */
    if (fscanf(stat, "%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail("%s: /proc/%d/stat does not have the format of proc(5)", c->name, (int)c->pid);
    fclose(stat);
    return (struct ticks){user, user + system};
}

struct memory coprocess_memory(const struct coprocess *c)
{
    FILE *rollup = open_proc(c, "smaps_rollup");
    struct memory m = {0};
    char line[256];
    double kib;
    while (fgets(line, sizeof line, rollup)) {
        if (sscanf(line, "Rss: %lf", &kib) == 1)
            m.resident = kib / 1024;
        else if (sscanf(line, "Private_Clean: %lf", &kib) == 1)
            m.private += kib / 1024;
        else if (sscanf(line, "Private_Dirty: %lf", &kib) == 1)
            m.dirty = kib / 1024;
    }
    m.private += m.dirty;
    fclose(rollup);
    return m;
}
