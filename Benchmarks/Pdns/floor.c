/* The floor for a coprocess of pdns: it knows one zone with one name, gives the shortest answers that pdns accepts, and
   sleeps between two questions. pdns is no faster with any other backend that sleeps. */
#include <stdio.h>
#include <string.h>

#define APEX "geo.example.com"
#define NAME "www." APEX

int main(void)
{
    static char line[64 * 1024], answer[256];
    setvbuf(stdout, NULL, _IOFBF, sizeof answer);
    while (fgets(line, sizeof line, stdin)) {
        const char *tag = strtok(line, "\t"), *name = strtok(NULL, "\t"), *class = strtok(NULL, "\t"), *type = strtok(NULL, "\t");
        if (strcmp(tag, "HELO") == 0)
            fputs("OK\tfloor\n", stdout);
        else {
            int is_soa = class && type && strcmp(type, "SOA") == 0;
            if (is_soa && strcmp(name, APEX) == 0)
                fputs("DATA\t0\t1\t" APEX "\tIN\tSOA\t300\t0\tns1.example.net. hostmaster.example.net. 1 3600 600 86400 60\n", stdout);
            else if (type && !is_soa && strcmp(name, NAME) == 0)
                fputs("DATA\t24\t1\t" NAME "\tIN\tA\t60\t0\t192.0.2.1\n", stdout);
            fputs("END\n", stdout);
        }
        fflush(stdout);
    }
}
