// Loaded into programs by LD_PRELOAD: sets their time of day, and no other program's.
//
// The file that SOAK_CLOCK names has the steps: each is the time of this machine at which it was made, and what is added to
// that time from then on. Times of files are those that a clock with these steps would have given them. The monotonic clock
// stays as it is, as it does where a person or a time server sets the clock.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct steps {
    _Atomic int64_t count;
    // In nanoseconds.
    struct {
        int64_t time, offset;
    } steps[4095];
};

static const struct steps *steps;

__attribute__((constructor)) static void map_steps(void) {
    const char *path = getenv("SOAK_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof(struct steps), PROT_READ, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) steps = memory;
    close(file);
}

// What the clock that is set had, when this machine's had `time`.
static struct timespec stepped(struct timespec time) {
    if (!steps) return time;
    int64_t nanoseconds = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    for (int64_t number = steps->count; number-- > 0;) {
        if (nanoseconds < steps->steps[number].time) continue;
        nanoseconds += steps->steps[number].offset;
        return (struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000};
    }
    return time;
}

static int (*own_clock_gettime)(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *time) {
    // That of the C library needs no system call.
    if (!own_clock_gettime) own_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int result = own_clock_gettime(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) *time = stepped(*time);
    return result;
}

time_t time(time_t *seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds) *seconds = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

static int stamped(int result, struct stat *status) {
    if (result != 0) return result;
    status->st_mtim = stepped(status->st_mtim);
    status->st_ctim = stepped(status->st_ctim);
    return 0;
}

int fstatat(int folder, const char *restrict path, struct stat *restrict status, int flags) {
    return stamped((int)syscall(SYS_newfstatat, folder, path, status, flags), status);
}

int stat(const char *restrict path, struct stat *restrict status) { return fstatat(AT_FDCWD, path, status, 0); }

int lstat(const char *restrict path, struct stat *restrict status) {
    return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int fstat(int file, struct stat *status) { return fstatat(file, "", status, AT_EMPTY_PATH); }
