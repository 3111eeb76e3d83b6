#include "query/program.h"

static const char *const mnemonics[] = {
#define GT_OP(name, mnemonic, form) mnemonic,
#include "query/opcodes.def"
#undef GT_OP
};

enum form { CONTROL, JUMP, SCOPE, TEST };
static const uint8_t forms[] = {
#define GT_OP(name, mnemonic, form) form,
#include "query/opcodes.def"
#undef GT_OP
};

static const char *relation_text(gt_relation relation)
{
    static const char *const texts[] = {"=", "<", "<=", ">", ">=", "~", ""};
    return texts[relation];
}

static void write_field(gt_buf *out, const gt_query_field *f)
{
    if (f->kind == GT_FIELD_EVERY)
        gt_buf_lit(out, "(any field)");
    else
        gt_buf_add(out, f->kind == GT_FIELD_BY_PATTERN ? f->wildcard : f->name);
    if (f->deep)
        gt_buf_lit(out, ".**");
}

static void write_test(gt_buf *out, const gt_query *q, const gt_instr *i)
{
    const gt_query_test *t = &q->tests[i->b];
    write_field(out, &q->fields[i->a]);
    if (t->op == GT_OP_EXISTS)
        return;
    if (t->op == GT_OP_KEYWORD_IN) {
        gt_buf_lit(out, " in");
        for (size_t k = 0; k < t->literal.set_count; k++) {
            gt_buf_add_byte(out, ' ');
            gt_json_write_str(out, t->literal.set[k]);
        }
        return;
    }
    gt_buf_printf(out, " %s ", relation_text(t->literal.relation));
    gt_json_write_str(out, t->literal.text);
    if (t->literal.phrase && t->op == GT_OP_TEXT)
        gt_buf_lit(out, " phrase");
}

void gt_query_disassemble(const gt_query *query, gt_buf *out)
{
    for (uint32_t pc = 0; pc < query->code_count; pc++) {
        const gt_instr *i = &query->code[pc];
        gt_buf_printf(out, "%4u  %-14s", pc, mnemonics[i->op]);
        switch (forms[i->op]) {
        case JUMP:
            gt_buf_printf(out, " %u", i->a);
            break;
        case SCOPE:
            gt_buf_add_byte(out, ' ');
            write_field(out, &query->fields[i->a]);
            gt_buf_printf(out, " until %u", i->b);
            break;
        case TEST:
            gt_buf_add_byte(out, ' ');
            write_test(out, query, i);
            break;
        default:
            while (out->len && out->data[out->len - 1] == ' ')
                out->data[--out->len] = '\0';
            break;
        }
        gt_buf_add_byte(out, '\n');
    }
}
