#define _GNU_SOURCE
#include "wait.h"

#include <stddef.h>
#include <time.h>

int poll_nanoseconds(struct pollfd *requests, unsigned count, uint64_t timeout)
{
    struct timespec time = {.tv_sec = (time_t)(timeout / 1000000000u), .tv_nsec = (long)(timeout % 1000000000u)};
    return ppoll(requests, count, &time, NULL);
}
