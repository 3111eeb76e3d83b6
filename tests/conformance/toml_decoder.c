/* toml_decoder.c — TOML on stdin to the tagged JSON that the public suite toml-test wants; exit
 * status 1 with the diagnostics when the text is no TOML. `-toml 1.1` reads TOML 1.1. */
#include "toml/toml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void write_scalar(gt_buf *out, const char *type, gt_str text)
{
    gt_buf_printf(out, "{\"type\":\"%s\",\"value\":", type);
    gt_json_write_str(out, text);
    gt_buf_lit(out, "}");
}

static void write_float(gt_buf *out, double n)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", n);
    write_scalar(out, "float", isnan(n) ? GT_STR("nan") : gt_str_c(text));
}

static void write_integer(gt_buf *out, int64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)n);
    write_scalar(out, "integer", gt_str_c(text));
}

static void write_node(gt_buf *out, const gt_toml *node)
{
    bool table = node->type == GT_TOML_TABLE;
    switch ((gt_toml_type)node->type) {
    case GT_TOML_STRING:
        write_scalar(out, "string", node->str);
        return;
    case GT_TOML_INTEGER:
        write_integer(out, node->integer);
        return;
    case GT_TOML_FLOAT:
        write_float(out, node->number);
        return;
    case GT_TOML_BOOL:
        write_scalar(out, "bool", node->str);
        return;
    case GT_TOML_DATETIME:
        write_scalar(out, "datetime", node->str);
        return;
    case GT_TOML_LOCAL_DATETIME:
        write_scalar(out, "datetime-local", node->str);
        return;
    case GT_TOML_LOCAL_DATE:
        write_scalar(out, "date-local", node->str);
        return;
    case GT_TOML_LOCAL_TIME:
        write_scalar(out, "time-local", node->str);
        return;
    case GT_TOML_NULL:
        gt_assert(!"TOML has no null");
        return;
    case GT_TOML_ARRAY:
    case GT_TOML_TABLE:
        break;
    }
    gt_buf_add_byte(out, table ? '{' : '[');
    for (gt_toml *child = gt_toml_first(node); child; child = child->next) {
        if (child != gt_toml_first(node))
            gt_buf_lit(out, ",");
        if (table) {
            gt_json_write_str(out, child->key);
            gt_buf_lit(out, ":");
        }
        write_node(out, child);
    }
    gt_buf_add_byte(out, table ? '}' : ']');
}

int main(int argc, char **argv)
{
    bool newer = argc > 2 && strcmp(argv[1], "-toml") == 0 && strcmp(argv[2], "1.1") == 0;
    gt_buf text = GT_BUF((size_t)1 << 28), out = GT_BUF((size_t)1 << 28);
    size_t n;
    do {
        char *room = gt_buf_room(&text, 65536);
        if (!room)
            return 2;
        n = fread(room, 1, 65536, stdin);
        text.len += n;
    } while (n);
    gt_arena *arena = gt_arena_new((size_t)1 << 30);
    gt_diags diags;
    gt_toml *root = NULL;
    gt_diags_init(&diags, arena, GT_STR("stdin"), gt_buf_str(&text));
    gt_status status = gt_toml_parse(arena, newer ? GT_TOML_1_1 : GT_TOML_1_0, &diags, &root);
    if (status == GT_OK)
        write_node(&out, root);
    else
        gt_diags_render(&diags, false, &out);
    fprintf(status == GT_OK ? stdout : stderr, "%.*s\n", GT_STR_ARG(gt_buf_str(&out)));
    gt_buf_done(&text);
    gt_buf_done(&out);
    gt_arena_free(arena);
    return status != GT_OK;
}
