#include "CProcess.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static volatile long ticks_left;

static void tick(int number)
{
    if (--ticks_left > 0) return;
    signal(number, SIG_DFL);
    raise(number);
}

void interrupt_often(long interval, long limit)
{
    ticks_left = limit * 1000000 / interval;
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART | SA_NODEFER};
    sigaction(SIGALRM, &action, 0);
    struct itimerval timer = {{0, interval}, {0, interval}};
    setitimer(ITIMER_REAL, &timer, 0);
}
