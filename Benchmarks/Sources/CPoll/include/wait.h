#ifndef WAIT_H
#define WAIT_H

#include <poll.h>
#include <stdint.h>

/* poll(2) with a time-out in nanoseconds, which Swift's Glibc does not show. */
int poll_nanoseconds(struct pollfd *, unsigned count, uint64_t timeout);

#endif
