/* Counts the heap allocations of a program's first thread. LD_PRELOAD loads it into the program. When the program
   exits, it appends the number to the file that the environment variable MALLOCCOUNT names. Other threads are not
   counted, because their work depends on how long the program runs. The __libc_ functions are glibc's entry points to
   its allocator; looking it up with dlsym would itself allocate. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static unsigned long allocations;
static __thread int is_first __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void begin(void)
{
    is_first = 1;
}

static void count(void)
{
    allocations += (unsigned long)is_first;
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    void *memory = memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *result = memory;
    return 0;
}

__attribute__((destructor)) static void report(void)
{
    unsigned long total = allocations;
    const char *path = getenv("MALLOCCOUNT");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (!file)
        return;
    fprintf(file, "%lu\n", total);
    fclose(file);
}
