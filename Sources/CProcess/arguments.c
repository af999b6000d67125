#include "CProcess.h"

#include <sys/prctl.h>

static int count;
static char **arguments;

/* glibc calls constructors with the arguments of main. */
__attribute__((constructor)) static void keep_arguments(int given_count, char **given) {
    count = given_count;
    arguments = given;
}

int process_argument_count(void) { return count; }

char *const *process_arguments(void) { return arguments; }

void process_set_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
