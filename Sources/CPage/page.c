#include "page.h"

/* Swift's C compiler supports #embed in every edition of C. */
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char html[] = {
#embed "../GeopipeAgent/Page/page.html"
};

static const unsigned char style[] = {
#embed "../GeopipeAgent/Page/page.css"
};

static const unsigned char script[] = {
#embed "../GeopipeAgent/Page/address.js" suffix(,)
#embed "../GeopipeAgent/Page/colours.js" suffix(,)
#embed "../GeopipeAgent/Page/elements.js" suffix(,)
#embed "../GeopipeAgent/Page/graph.js" suffix(,)
#embed "../GeopipeAgent/Page/hits.js" suffix(,)
#embed "../GeopipeAgent/Page/inspector.js" suffix(,)
#embed "../GeopipeAgent/Page/keys.js" suffix(,)
#embed "../GeopipeAgent/Page/main.js" suffix(,)
#embed "../GeopipeAgent/Page/marks.js" suffix(,)
#embed "../GeopipeAgent/Page/model.js" suffix(,)
#embed "../GeopipeAgent/Page/outlines.js" suffix(,)
#embed "../GeopipeAgent/Page/projection.js" suffix(,)
#embed "../GeopipeAgent/Page/replay.js" suffix(,)
#embed "../GeopipeAgent/Page/rollout.js" suffix(,)
#embed "../GeopipeAgent/Page/stage.js" suffix(,)
#embed "../GeopipeAgent/Page/stream.js" suffix(,)
#embed "../GeopipeAgent/Page/tables.js" suffix(,)
#embed "../GeopipeAgent/Page/text.js" suffix(,)
#embed "../GeopipeAgent/Page/world.js" suffix(,)
};

struct page_text page_html(void) { return (struct page_text){ (const char *)html, sizeof html }; }
struct page_text page_style(void) { return (struct page_text){ (const char *)style, sizeof style }; }
struct page_text page_script(void) { return (struct page_text){ (const char *)script, sizeof script }; }
