#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

/* System calls that Swift's Glibc module leaves out: memfd_create(2), close_range(2). */
int memfd_create(const char *name, unsigned int flags);
int close_range(unsigned int first, unsigned int last, int flags);

enum { memfd_cloexec = 0x1 };

/* Returns the number of cores that this thread may run on (sched_getaffinity(2)); -1 if it is not known. */
int sched_getaffinity(pid_t thread, size_t size, cpu_set_t *cores);
static inline int usable_cores(void) {
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) < 0) return -1;
    int count = 0;
    for (size_t i = 0; i < sizeof cores / sizeof cores.__bits[0]; i++) count += __builtin_popcountl(cores.__bits[i]);
    return count;
}

/* Moves this thread to a core, and then restores its affinity, so that the kernel may move it again (sched_setaffinity(2)).
 * Does nothing if the thread may not run on that core. If another process changes the affinity between these calls, within some
 * microseconds, that change may be lost. */
int sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *cores);
int sched_getcpu(void);
static inline void move_to_core(int core) {
    cpu_set_t before, one = { { 0 } }, now;
    unsigned place = (unsigned)core, bits = 8 * sizeof one.__bits[0];
    if (place >= 8 * sizeof one || sched_getaffinity(0, sizeof before, &before) < 0) return;
    one.__bits[place / bits] = (__cpu_mask)1 << place % bits;
    if ((before.__bits[place / bits] & one.__bits[place / bits]) == 0) return;
    if (sched_setaffinity(0, sizeof one, &one) < 0) return;
    if (sched_getaffinity(0, sizeof now, &now) < 0 || __builtin_memcmp(&now, &one, sizeof one) == 0)
        sched_setaffinity(0, sizeof before, &before);
}

/* Grows a mapping of mmap(2), and moves it if necessary. mremap(2) is variadic, which Swift cannot call. */
void *mremap(void *old, size_t old_size, size_t new_size, int flags, ...);
static inline void *grow_mapping(void *memory, size_t size, size_t new_size) {
    return mremap(memory, size, new_size, 1 /* MREMAP_MAYMOVE */);
}

/* memmem(3): finds a byte string in memory. */
void *memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length);

/* Running a program and waiting for it: pipe2(2), pidfd_open(2), posix_spawn_file_actions_addclosefrom_np(3). */
int pipe2(int ends[2], int flags);
int pidfd_open(int process, unsigned int flags);
/* Sends a signal to the process of a pidfd, never to another one with its number: pidfd_send_signal(2). */
int pidfd_send_signal(int process, int signal, siginfo_t *information, unsigned int flags);
/* Gives up privileges for good: setresuid(2), setresgid(2). */
int setresuid(uid_t real, uid_t effective, uid_t saved);
int setresgid(gid_t real, gid_t effective, gid_t saved);
/* Other groups for this thread alone, where setgroups(3) changes those of all threads. */
long syscall(long number, ...);
static inline int set_groups_of_thread(size_t count, const gid_t *groups) {
    return (int)syscall(SYS_setgroups, count, groups);
}
/* Runs a program by its open file: execveat(2). */
int execveat(int directory, const char *path, char *const arguments[], char *const environment[], int flags);
enum { at_empty_path = 0x1000 };
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
/* poll(2) with a time-out in nanoseconds. */
int ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout, const sigset_t *signals);

/* Writes what stdout has collected. Returns whether all output so far was written; if not, errno has the reason. */
static inline int flush_output(void) { return fflush(stdout) == 0 && !ferror(stdout); }
