/* The files of Sources/GeopipeAgent/Page at the time of the build. */
#ifndef CPAGE_H
#define CPAGE_H

#include <stddef.h>

struct page_text {
    /* UTF-8, without a terminating zero. Valid as long as the process runs. */
    const char *bytes;
    size_t length;
};

/* The HTML frame, with {{style}}, {{script}} and {{outlines}} as placeholders. */
struct page_text page_html(void);
/* The style sheet. */
struct page_text page_style(void);
/* All scripts, concatenated into one module. */
struct page_text page_script(void);

#endif
