#include <malloc.h>
#include <sched.h>
#include <spawn.h>
#include <sys/fsuid.h>
#include <time.h>

/* What Swift's Glibc leaves out, as Linux has it: memfd_create(2), close_range(2), fcntl(2). */
int memfd_create(const char *name, unsigned int flags);
int close_range(unsigned int first, unsigned int last, int flags);

enum { memfd_cloexec = 0x1, memfd_allow_sealing = 0x2 };
enum { fcntl_add_seals = 1033, fcntl_get_seals = 1034 };
enum { seal_seal = 0x1, seal_shrink = 0x2, seal_grow = 0x4, seal_write = 0x8 };

/* memmem(3), which looks for a word in memory. */
void *memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length);

/* What it takes to run a program and to wait for it: pipe2(2), pidfd_open(2), posix_spawn_file_actions_addclosefrom_np(3). */
int pipe2(int ends[2], int flags);
int pidfd_open(int process, unsigned int flags);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
