import Support
import Testing

extension AtFaultSite {
    /// Compiles a library that makes a coprocess crash on answers with the names `fault` and `abort`, on the message
    /// that a line is too long, and on a file `fault.mmdb`.
    ///
    /// A file `trip-N` in its folder crashes the program once when it opens its image for the Nth time. With
    /// `REST=none` there is no file for unanswered lines, and with `REST=full` no space in it. A link `unfit` names
    /// an image that crashes each program when it opens it for the second time: the first time it only looks for one.
    func library() throws -> String {
        try folder.write(
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <errno.h>
            #include <stdarg.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <unistd.h>

            static int rest = -1;

            int memfd_create(const char *name, unsigned flags) {
                int (*next)(const char *, unsigned) = dlsym(RTLD_NEXT, "memfd_create");
                const char *kind = getenv("REST");
                if (!kind || strcmp(name, "geopipe-rest")) return next(name, flags);
                if (!strcmp(kind, "full")) return rest = next(name, flags);
                errno = ENOSYS;
                return -1;
            }

            ssize_t write(int descriptor, const void *bytes, size_t count) {
                ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
                static size_t limit = 100;
                if (descriptor == rest && rest >= 0) {
                    if (count > limit) count = limit;
                    limit -= count;
                    if (count > 0) return next(descriptor, bytes, count);
                    errno = EFBIG;
                    return -1;
                }
                if (descriptor == 1 && memmem(bytes, count, "longer than", 11)) __builtin_trap();
                if (descriptor == 1 && memmem(bytes, count, "fault.example", 13)) __builtin_trap();
                if (descriptor == 1 && memmem(bytes, count, "abort.example", 13)) abort();
                return next(descriptor, bytes, count);
            }

            int open(const char *path, int flags, ...) {
                int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
                va_list more;
                va_start(more, flags);
                if (strstr(path, "fault.mmdb")) __builtin_trap();
                static int opens;
                if (strstr(path, ".image") && gettid() == getpid()) {
                    char unfit[256] = "";
                    static int unfit_opens;
                    if (readlink("unfit", unfit, 255) > 0 && strstr(path, unfit) && ++unfit_opens == 2) __builtin_trap();
                    char trip[16];
                    snprintf(trip, sizeof trip, "trip-%d", ++opens);
                    if (unlink(trip) == 0) __builtin_trap();
                }
                return next(path, flags, va_arg(more, int));
            }

            """.utf8, to: "fault.c")
        let library = "\(folder.path)/fault.so"
        let compiler = try Tool("cc").run(["-shared", "-fPIC", "-o", library, "\(folder.path)/fault.c", "-ldl"])
        try #require(compiler.status == 0, "\(compiler.output)")
        return library
    }
}
