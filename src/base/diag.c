#include "base/diag.h"

#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>

void gt_diags_init(gt_diags *diags, gt_arena *arena, gt_str name, gt_str text)
{
    *diags = (gt_diags){.arena = arena, .name = name, .text = text};
}

static gt_str vprintf_dup(gt_arena *arena, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *text = len < 0 ? NULL : gt_arena_alloc(arena, (size_t)len + 1);
    if (!text)
        return GT_STR("(no memory for the message)");
    vsnprintf(text, (size_t)len + 1, fmt, args);
    return (gt_str){text, (size_t)len};
}

void gt_diag_add(gt_diags *diags, gt_severity severity, const char *code, gt_span span,
                 const char *hint, const char *fmt, ...)
{
    if (severity == GT_ERROR)
        diags->errors++;
    else if (severity == GT_WARNING)
        diags->warnings++;
    if (!diags->items)
        diags->items = gt_arena_array(diags->arena, gt_diag, GT_DIAGS_MAX);
    if (!diags->items || diags->count == GT_DIAGS_MAX) {
        diags->dropped++;
        return;
    }
    va_list args;
    va_start(args, fmt);
    gt_str message = vprintf_dup(diags->arena, fmt, args);
    va_end(args);
    diags->items[diags->count++] = (gt_diag){severity, code, span, message, gt_str_c(hint)};
}

gt_line_col gt_diag_locate(gt_str text, size_t offset)
{
    gt_line_col at = {1, 1};
    if (offset > text.len)
        offset = text.len;
    for (size_t i = 0; i < offset; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n') {
            at.line++;
            at.col = 1;
        } else if ((c & 0xC0) != 0x80) {
            at.col++;
        }
    }
    return at;
}

static const char *severity_name(gt_severity severity)
{
    switch (severity) {
    case GT_ERROR:
        return "error";
    case GT_WARNING:
        return "warning";
    case GT_NOTE:
        break;
    }
    return "note";
}

static const char *severity_colour(gt_severity severity)
{
    switch (severity) {
    case GT_ERROR:
        return "\033[1;31m";
    case GT_WARNING:
        return "\033[1;35m";
    case GT_NOTE:
        break;
    }
    return "\033[1;36m";
}

/* A long line is shown around the finding only. */
#define SHOWN_BEFORE 100
#define SHOWN_AFTER 60

static size_t char_start(gt_str text, size_t at)
{
    while (at > 0 && at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80)
        at--;
    return at;
}

static void render_line(const gt_diag *d, gt_str text, bool colour, gt_buf *out)
{
    size_t begin = d->span.begin < text.len ? d->span.begin : text.len;
    size_t line = begin;
    while (line > 0 && text.ptr[line - 1] != '\n')
        line--;
    size_t end = begin;
    while (end < text.len && text.ptr[end] != '\n' && text.ptr[end] != '\r')
        end++;
    size_t from = begin - line > SHOWN_BEFORE ? char_start(text, begin - SHOWN_BEFORE) : line;
    size_t to = end - begin > SHOWN_AFTER + SHOWN_BEFORE ? char_start(text, begin + SHOWN_AFTER) : end;
    size_t carets_end = d->span.end < to ? d->span.end : to;
    gt_buf_add(out, from > line ? GT_STR("  ...") : GT_STR("  "));
    for (size_t i = from; i < to; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        gt_buf_add_byte(out, c == '\t' ? ' ' : c < 0x20 || c == 0x7F ? '?' : (char)c);
    }
    gt_buf_add(out, to < end ? GT_STR("...\n") : GT_STR("\n"));
    gt_buf_add(out, from > line ? GT_STR("     ") : GT_STR("  "));
    for (size_t i = from; i < begin; i++)
        if (((unsigned char)text.ptr[i] & 0xC0) != 0x80)
            gt_buf_add_byte(out, ' ');
    gt_buf_add(out, colour ? gt_str_c("\033[1;32m") : GT_STR_NULL);
    gt_buf_add_byte(out, '^');
    for (size_t i = begin + 1; i < carets_end; i++)
        if (((unsigned char)text.ptr[i] & 0xC0) != 0x80)
            gt_buf_add_byte(out, '^');
    gt_buf_add(out, colour ? gt_str_c("\033[0m") : GT_STR_NULL);
    gt_buf_lit(out, "\n");
}

/* Names and messages quote what the user wrote: no byte of it may drive a terminal. */
static void add_safe(gt_buf *out, gt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool c1 = c == 0xC2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xA0;
        gt_buf_add_byte(out, c < 0x20 || c == 0x7F || c1 ? '?' : (char)c);
        i += c1;
    }
}

static void render_one(const gt_diags *diags, const gt_diag *d, bool colour, gt_buf *out)
{
    gt_line_col at = gt_diag_locate(diags->text, d->span.begin);
    add_safe(out, diags->name);
    gt_buf_printf(out, ":%zu:%zu: %s%s:%s ", at.line, at.col,
                  colour ? severity_colour(d->severity) : "", severity_name(d->severity),
                  colour ? "\033[0m" : "");
    add_safe(out, d->message);
    gt_buf_printf(out, " [%s]\n", d->code);
    if (diags->text.len)
        render_line(d, diags->text, colour, out);
    if (d->hint.len) {
        gt_buf_lit(out, "  hint: ");
        add_safe(out, d->hint);
        gt_buf_lit(out, "\n");
    }
}

void gt_diags_render(const gt_diags *diags, bool colour, gt_buf *out)
{
    bool shown[GT_DIAGS_MAX] = {false};
    for (size_t n = 0; n < diags->count; n++) { /* selection sort: at most 64, stable */
        size_t best = GT_NPOS;
        for (size_t i = 0; i < diags->count; i++)
            if (!shown[i] && (best == GT_NPOS ||
                              diags->items[i].span.begin < diags->items[best].span.begin))
                best = i;
        shown[best] = true;
        render_one(diags, &diags->items[best], colour, out);
    }
    if (diags->dropped)
        gt_buf_printf(out, "%.*s: %zu more findings are not shown\n", GT_STR_ARG(diags->name),
                      diags->dropped);
}
