#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>

static int count;
static char **arguments;

/* Opens something in place of a missing standard descriptor: the next file that is opened would get its number, and answers or log
   lines would be written into that file. Writing to standard output fails with EBADF, because lost answers must not go unnoticed. */
__attribute__((constructor)) static void open_missing_descriptors(void) {
    for (int number = 0; number <= 2; number++) {
        if (fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
        /* Gets the lowest free number, which is this one. */
        if (open("/dev/null", number == 2 ? O_WRONLY : O_RDONLY) < 0) open("/", O_RDONLY | O_DIRECTORY);
    }
}

/* glibc calls constructors with the arguments of main. */
__attribute__((constructor)) static void keep_arguments(int given_count, char **given) {
    count = given_count;
    arguments = given;
}

int process_argument_count(void) { return count; }

char *const *process_arguments(void) { return arguments; }

void process_set_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
