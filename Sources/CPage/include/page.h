/* The files of Sources/GeopipeAgent/Page, as they were when the program was built. */
#ifndef CPAGE_H
#define CPAGE_H

#include <stddef.h>

struct page_text {
    /* UTF-8, without a zero at the end. It lasts as long as the process. */
    const char *bytes;
    size_t length;
};

/* The frame of the page: HTML with {{style}}, {{script}} and {{outlines}} where these belong. */
struct page_text page_html(void);
/* The style sheet. */
struct page_text page_style(void);
/* All scripts, one after the other: they are one module. */
struct page_text page_script(void);

#endif
