/* Measures how fast one thread, and two threads at once, receive datagrams from one socket. The receivers of one pdns
   share a socket, so they delay each other as these threads do. Prints a line for one thread and a line for two: the
   number of threads, and nanoseconds per datagram. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../Pipe/fail.h"

#define DATAGRAMS 128 /* the usual receive buffer holds all of them */
#define SIZE 64
#define ROUNDS 400

static int receiver;
static atomic_int ready;
static atomic_bool go;

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Receives datagrams until none is left. Returns the time of the end, in nanoseconds. */
static void *take(void *core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((int)(intptr_t)core, &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&go))
        ;
    char datagram[2048];
    while (recv(receiver, datagram, sizeof datagram, MSG_DONTWAIT) > 0)
        ;
    return (void *)(uintptr_t)clock_ns();
}

/* Returns nanoseconds per datagram. */
static double time_round(int sender, int threads, int cores)
{
    static const char datagram[SIZE];
    int sent = 0;
    while (sent < DATAGRAMS && send(sender, datagram, sizeof datagram, 0) == SIZE)
        sent++;
    if (sent == 0)
        fail("send: %s", strerror(errno));
    pthread_t thread[2];
    atomic_store(&ready, 0);
    atomic_store(&go, false);
    for (intptr_t i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, take, (void *)(i % cores)) != 0)
            fail("a thread cannot be started");
    while (atomic_load(&ready) < threads)
        sched_yield();
    uint64_t start = clock_ns(), end = start;
    atomic_store(&go, true);
    for (int i = 0; i < threads; i++) {
        void *result;
        pthread_join(thread[i], &result);
        if ((uint64_t)(uintptr_t)result > end)
            end = (uint64_t)(uintptr_t)result;
    }
    return (double)(end - start) / sent;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    receiver = socket(AF_INET, SOCK_DGRAM, 0);
    int sender = socket(AF_INET, SOCK_DGRAM, 0), cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (bind(receiver, (struct sockaddr *)&address, size) < 0 || getsockname(receiver, (struct sockaddr *)&address, &size) < 0 ||
        connect(sender, (struct sockaddr *)&address, size) < 0)
        fail("socket: %s", strerror(errno));
    static double times[2][ROUNDS];
    for (int round = 0; round < ROUNDS; round++)
        for (int threads = 1; threads <= 2; threads++)
            times[threads - 1][round] = time_round(sender, threads, cores);
    for (int threads = 1; threads <= 2; threads++) {
        qsort(times[threads - 1], ROUNDS, sizeof **times, ascending);
        printf("%d %.1f\n", threads, times[threads - 1][ROUNDS / 2]);
    }
}
