/* The floor: a coprocess that gives every question the same answer without reading it. Its cost is that of pipes and
   wake-ups, so no backend can be faster. The answer has the form and length of a geographic answer, so that both move
   the same number of bytes. */
#include <string.h>
#include <unistd.h>

#define BANNER "OK\tfloor\n"
#define ANSWER "DATA\t24\t1\tmy.geo.example.com\tIN\tA\t60\t1\t192.0.2.10\nEND\n"
#define ANSWER_SIZE (sizeof ANSWER - 1)
#define ANSWERS_A_WRITE 1024

static char questions[64 * 1024];
static char answers[ANSWERS_A_WRITE * ANSWER_SIZE];

static size_t count_lines(const char *at, const char *end)
{
    size_t lines = 0;
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        lines++;
    }
    return lines;
}

static int write_all(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written < 0)
            return -1;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

static int answer(size_t count)
{
    while (count > 0) {
        size_t now = count < ANSWERS_A_WRITE ? count : ANSWERS_A_WRITE;
        if (write_all(answers, now * ANSWER_SIZE) < 0)
            return -1;
        count -= now;
    }
    return 0;
}

int main(void)
{
    for (size_t i = 0; i < ANSWERS_A_WRITE; i++)
        memcpy(answers + i * ANSWER_SIZE, ANSWER, ANSWER_SIZE);

    int greeted = 0;
    ssize_t got;
    while ((got = read(STDIN_FILENO, questions, sizeof questions)) > 0) {
        size_t lines = count_lines(questions, questions + got);
        if (!greeted && lines > 0) {
            greeted = 1;
            lines--;
            if (write_all(BANNER, sizeof BANNER - 1) < 0)
                return 1;
        }
        if (answer(lines) < 0)
            return 1;
    }
    return got < 0;
}
