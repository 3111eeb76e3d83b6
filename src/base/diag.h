/* diag.h — what a user did wrong, all of it at once.
 * A gt_diags belongs to one text (a rule file, a configuration, a query given as an argument) and
 * collects findings as byte spans of that text; line and column are worked out when printed.
 *
 *   rules/x.toml:4:38: error: '==' is not a KQL operator [KQL-003]
 *     event.provider: iam and event.action == Del
 *                                          ^^
 *     hint: KQL compares with ':', as in event.action: "DeleteTrail"
 */
#ifndef GT_BASE_DIAG_H
#define GT_BASE_DIAG_H

#include "base/arena.h"
#include "base/buf.h"

typedef enum gt_severity { GT_ERROR, GT_WARNING, GT_NOTE } gt_severity;

typedef struct gt_diag {
    gt_severity severity;
    const char *code; /* stable, documented in docs/reference/errors.md: "KQL-003" */
    gt_span span;     /* in the text; empty spans point between two bytes */
    gt_str message;   /* one line, no full stop */
    gt_str hint;      /* what to do; may be empty */
} gt_diag;

typedef struct gt_diags {
    gt_arena *arena; /* messages live here; longer than the list */
    gt_str name;     /* "rules/x.toml", "query" */
    gt_str text;     /* the whole text that spans point into */
    gt_diag *items;
    size_t count; /* kept: at most GT_DIAGS_MAX */
    size_t errors;
    size_t warnings;
    size_t dropped; /* found after the list was full; counted in errors and warnings too */
} gt_diags;

/* An empty list about `text`, called `name` in what is printed. Views, not copies. */
void gt_diags_init(gt_diags *diags, gt_arena *arena, gt_str name, gt_str text);

/* Add a finding. hint may be NULL. Without memory only the counts change. */
void gt_diag_add(gt_diags *diags, gt_severity severity, const char *code, gt_span span,
                 const char *hint, const char *fmt, ...) GT_PRINTF(6, 7);
/* As gt_diag_add for an error. */
#define gt_diag_error(diags, code, span, hint, ...)                                                \
    gt_diag_add((diags), GT_ERROR, (code), (span), (hint), __VA_ARGS__)
#define gt_diag_warn(diags, code, span, hint, ...)                                                 \
    gt_diag_add((diags), GT_WARNING, (code), (span), (hint), __VA_ARGS__)

/* 1-based line and column of a byte offset. Columns count characters (UTF-8 sequences). */
typedef struct gt_line_col {
    size_t line;
    size_t col;
} gt_line_col;
gt_line_col gt_diag_locate(gt_str text, size_t offset);

/* All findings in the order of their places, as text; colour adds ANSI sequences. Control bytes of
 * the user's text are shown as '?', tabs as a space, so that carets stand right. */
void gt_diags_render(const gt_diags *diags, bool colour, gt_buf *out);

/* Where the bytes of a string inside a file stand: map[i] is the file offset of the string's byte i
 * (map has len + 1 entries); with a NULL map the string stands unchanged at base. A TOML string
 * with escapes needs the map, a literal one does not. */
typedef struct gt_offsets {
    size_t base;
    const uint32_t *map;
} gt_offsets;
static inline gt_span gt_offsets_span(gt_offsets o, gt_span s)
{
    if (!o.map)
        return (gt_span){o.base + s.begin, o.base + s.end};
    return (gt_span){o.map[s.begin], o.map[s.end]};
}

#endif
