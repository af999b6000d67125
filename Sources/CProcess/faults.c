#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

struct fault_state fault_state;

static struct fault_setup setup;
static pthread_t answering;
/* The name of the image that the answering thread reads for the first time; empty if it reads none. */
static char reading[256];
/* The file of this program, which is executed again after a fault; -1 if it cannot be found. */
static int program;
/* Whether the handler is running: a fault in the handler itself must not start it again. */
static volatile bool is_handling;

/* The start and the end of the program in memory, which the linker defines. */
extern const char __ehdr_start, end;

static const struct {
    int number;
    const char *name;
} handled[] = {{SIGILL, "SIGILL"}, {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},
               {SIGFPE, "SIGFPE"}, {SIGSEGV, "SIGSEGV"}, {SIGSYS, "SIGSYS"}};

enum { handled_count = sizeof handled / sizeof *handled };

/* A line of text, built without the heap. */
struct text {
    char bytes[1024];
    size_t count;
};

static void add_byte(struct text *text, char byte) {
    if (text->count < sizeof text->bytes) text->bytes[text->count++] = byte;
}

static void add(struct text *text, const char *word) {
    while (*word) add_byte(text, *word++);
}

static void add_number(struct text *text, uintptr_t number, unsigned base) {
    char digits[24];
    int count = 0;
    do digits[count++] = "0123456789abcdef"[number % base];
    while (number /= base);
    while (count) add_byte(text, digits[--count]);
}

/* Appends the beginning of the line at hand, with a space for each tab, and a question mark for each byte that might control a
   terminal. */
static void add_question(struct text *text) {
    const char *line = fault_state.line;
    size_t length = fault_state.line_length;
    for (size_t place = 0; place < length && place < 400; place++) {
        unsigned char byte = line[place];
        add_byte(text, byte == '\t' ? ' ' : byte < 0x20 || byte > 0x7e ? '?' : byte);
    }
    if (length > 400) add(text, "...");
}

/* Writes all bytes, and returns whether that succeeded. */
static bool write_all(int file, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(file, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        count -= written;
    }
    return true;
}

/* The first bytes of a field. */
struct word {
    char bytes[4];
    size_t count;
};

static bool is_word(const struct word *word, const char *other) {
    return word->count == strlen(other) && memcmp(word->bytes, other, word->count) == 0;
}

/* The line that will be refused next, as far as it has been read. */
static struct {
    bool has_begun;
    /* The number of tabs so far. */
    int field;
    struct word kind, type;
} refused;

/* Refuses a line. After a command or an SOA question pdns reads on until END, also after FAIL. After any other question it would take
   an END for the next answer. */
static void refuse(void) {
    bool waits_for_end = is_word(&refused.kind, "CMD") || (is_word(&refused.kind, "Q") && is_word(&refused.type, "SOA"));
    write_all(setup.output, "FAIL\nEND\n", waits_for_end ? 9 : 5);
    memset(&refused, 0, sizeof refused);
}

/* Refuses each line that ends in these bytes. */
static void refuse_lines(const char *bytes, size_t count) {
    for (; count > 0; bytes++, count--) {
        if (*bytes == '\n') {
            refuse();
            continue;
        }
        refused.has_begun = true;
        struct word *word = refused.field == 0 ? &refused.kind : refused.field == 3 ? &refused.type : NULL;
        if (*bytes == '\t') refused.field++;
        else if (word && word->count < sizeof word->bytes) word->bytes[word->count++] = *bytes;
    }
}

static uintptr_t instruction(const void *context) {
    const ucontext_t *machine = context;
#if defined(__x86_64__)
    return machine->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return machine->uc_mcontext.pc;
#else
    (void)machine;
    return 0;
#endif
}

/* Appends `geopipe[7]: internal error: signal 11 (SIGSEGV), address 0x0, instruction geopipe+0x1234`. */
static void add_fault(struct text *text, int signal, const siginfo_t *info, const void *context) {
    add(text, "geopipe[");
    add_number(text, getpid(), 10);
    add(text, "]: internal error: signal ");
    add_number(text, signal, 10);
    for (int place = 0; place < handled_count; place++) {
        if (handled[place].number != signal) continue;
        add(text, " (");
        add(text, handled[place].name);
        add(text, ")");
    }
    /* A signal that the process has sent to itself, as abort(3) does, has no address. */
    if (info->si_code > 0) {
        add(text, ", address 0x");
        add_number(text, (uintptr_t)info->si_addr, 16);
    }
    uintptr_t place = instruction(context), start = (uintptr_t)&__ehdr_start;
    bool is_own = start <= place && place < (uintptr_t)&end;
    add(text, is_own ? ", instruction geopipe+0x" : ", instruction 0x");
    add_number(text, is_own ? place - start : place, 16);
}

/* Lets a copy of this process die by the signal, so that the system keeps a core or a report in the journal, as it is configured to.
   The copy is a grandchild, which init reaps, so that this process never sees its end. */
static void leave_core(int number) {
    pid_t child = _Fork();
    if (child > 0) while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    if (child != 0) return;
    if (_Fork() == 0) {
        /* pdns, which waits for the end of the pipes, must not wait until the core is written. */
        close(setup.input);
        close(setup.output);
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, number);
        sigprocmask(SIG_UNBLOCK, &signals, NULL);
        signal(number, SIG_DFL);
        kill(getpid(), number);
    }
    _exit(0);
}

/* Returns where the input without an answer begins. The line at hand is left out if it has been answered or refused. */
static const char *rest_of_input(bool is_line_done) {
    const char *line = fault_state.line, *end = fault_state.input_end;
    if (!is_line_done || !line) return fault_state.first;
    line += fault_state.line_length;
    const char *line_feed = line < end ? memchr(line, '\n', end - line) : NULL;
    return line_feed ? line_feed + 1 : end;
}

static void empty_rest(void) {
    if (setup.rest < 0) return;
    ftruncate(setup.rest, 0);
    lseek(setup.rest, 0, SEEK_SET);
}

/* Hands lines on to the program that is executed next; false if that is impossible. */
static bool hand_on(const char *rest, size_t count) {
    /* Leave the file alone: it may still hold lines of an earlier program. */
    if (count == 0) return true;
    bool is_written = setup.rest >= 0 && write_all(setup.rest, rest, count);
    if (is_written) lseek(setup.rest, 0, SEEK_SET); else empty_rest();
    return is_written;
}

/* Refuses lines that an earlier program has left, unless this program has taken them. */
static void refuse_rest(void) {
    char bytes[512];
    ssize_t count;
    while (setup.rest >= 0 && (count = read(setup.rest, bytes, sizeof bytes)) > 0) refuse_lines(bytes, count);
    empty_rest();
}

/* Tells the next program to leave out the image that was being read: a bad block of a disk causes a fault on each read. */
static void leave_out_image(void) {
    size_t used = strlen(setup.unfit), count = strlen(reading);
    if (count == 0 || used + count + 2 > setup.unfit_size) return;
    memcpy(setup.unfit + used, reading, count);
    memcpy(setup.unfit + used + count, ",", 2);
}

/* Executes the program again in this process. Never returns: if it fails, the process ends, and pdns starts another. */
static void restart(void) {
    leave_out_image();
    if (fault_state.faults < setup.max_faults) fault_state.faults++;
    setup.environment[0] = setup.takeovers[fault_state.version];
    setup.environment[1] = setup.counts[fault_state.faults];
    setup.environment[2] = setup.unfit;
    if (setup.rest >= 0) fcntl(setup.rest, F_SETFD, 0);
    syscall(SYS_execveat, program, "", setup.arguments, setup.environment, AT_EMPTY_PATH);
    /* Some sandboxes have no execveat(2). */
    execve("/proc/self/exe", setup.arguments, setup.environment);
    _exit(1);
}

/* Refuses all lines that come in the next seconds, and finishes the line that has begun then. */
static void refuse_input(int seconds) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start.tv_sec >= seconds && !refused.has_begun) return;
        struct pollfd request = {.fd = setup.input, .events = POLLIN};
        if (poll(&request, 1, 1000) <= 0) continue;
        char byte;
        ssize_t count = read(setup.input, &byte, 1);
        if (count == 0) _exit(0);
        if (count < 0 && errno != EINTR) _exit(1);
        if (count == 1) refuse_lines(&byte, 1);
    }
}

static void handle(int number, siginfo_t *info, void *context) {
    /* A signal from another process is not a fault. A signal from this process is one if abort(3) sent it. */
    if (info->si_code <= 0 && (number != SIGABRT || info->si_pid != getpid())) return;
    if (fault_state.version == 0) {
        /* Before the handshake pdns reports that the coprocess does not start. */
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    bool is_answering = pthread_equal(pthread_self(), answering);
    if (is_answering && is_handling) restart();
    struct text text = {.count = 0};
    add_fault(&text, number, info, context);
    if (!is_answering) {
        add(&text, " in a background thread; it still answers, but no longer reloads anything\n");
        write_all(STDERR_FILENO, text.bytes, text.count);
        leave_core(number);
        for (;;) sleep(3600);
    }
    is_handling = true;
    /* If several lines came at once, any of them may be the cause: each is answered again, and its answer sent alone. */
    bool is_refused = fault_state.is_answering && fault_state.first == fault_state.line;
    const char *rest = rest_of_input(is_refused || !fault_state.is_answering);
    size_t count = rest && rest < fault_state.input_end ? fault_state.input_end - rest : 0;
    if (fault_state.is_answering) {
        /* pdns waits for this answer. What has been collected of it is dropped. */
        if (is_refused) {
            refuse_lines(fault_state.line, fault_state.line_length);
            refuse();
        }
        add(&text, is_refused ? "; the question is refused: " : "; all lines that came at once are answered again, up to: ");
        add_question(&text);
    } else {
        add(&text, "; no question is lost");
    }
    add(&text, "\n");
    write_all(STDERR_FILENO, text.bytes, text.count);
    /* One core for several faults in a row is enough. */
    if (fault_state.faults == 0) leave_core(number);
    bool may_hand_on = fault_state.faults < setup.max_faults;
    if (!may_hand_on) refuse_rest();
    if (!may_hand_on || !hand_on(rest, count)) {
        refuse_lines(rest, count);
        refuse_input(may_hand_on ? 0 : setup.pause);
    }
    restart();
}

void fault_set_reading(const char *image) {
    if (!fault_state.is_installed || !pthread_equal(pthread_self(), answering)) return;
    size_t length = strlen(image);
    if (length < sizeof reading) memcpy(reading, image, length + 1);
}

static int open_program(const char *path) { return path ? open(path, O_PATH | O_CLOEXEC) : -1; }

void fault_install(const struct fault_setup *given) {
    setup = *given;
    answering = pthread_self();
    fault_state.is_installed = true;
    fault_state.faults = setup.faults < setup.max_faults ? setup.faults : setup.max_faults;
    program = open_program("/proc/self/exe");
    /* Without /proc, use the path that the program was started by. A restarted program has no such path, but still the argument. */
    if (program < 0) program = open_program((const char *)getauxval(AT_EXECFN));
    if (program < 0) program = open_program(setup.arguments[0]);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigset_t signals;
    sigemptyset(&signals);
    for (int place = 0; place < handled_count; place++) {
        sigaction(handled[place].number, &action, NULL);
        sigaddset(&signals, handled[place].number);
    }
    /* The program before this one may have blocked them in its handler. */
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}
