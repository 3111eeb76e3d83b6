/* EQL and ES|QL are not run yet; what Elastic asks of their texts is checked on words alone,
 * strings and comments left out. */
#include "rule/rule_internal.h"

#include "base/timeutil.h"

typedef struct words {
    gt_str text;
    size_t pos;
} words;

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == '@';
}

/* The length of a comment or string at pos, 0 when there is none. */
static size_t skipped(gt_str s)
{
    static const struct {
        gt_str open, close;
    } pairs[] = {
        {GT_STR("/*"), GT_STR("*/")},
        {GT_STR("//"), GT_STR("\n")},
        {GT_STR("\"\"\""), GT_STR("\"\"\"")},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (!gt_str_starts(s, pairs[i].open))
            continue;
        size_t end = gt_str_find(gt_str_from(s, pairs[i].open.len), pairs[i].close);
        return end == GT_NPOS ? s.len : pairs[i].open.len + end + pairs[i].close.len;
    }
    if (s.len == 0 || s.ptr[0] != '"')
        return 0;
    size_t i = 1;
    while (i < s.len && s.ptr[i] != '"')
        i += s.ptr[i] == '\\' ? 2 : 1;
    return i < s.len ? i + 1 : s.len;
}

/* The next word or single sign; false at the end. */
static bool next_word(words *w, gt_str *ret)
{
    for (;;) {
        gt_str rest = gt_str_from(w->text, w->pos);
        size_t n = skipped(rest);
        if (n == 0 && rest.len && memchr(" \t\r\n", rest.ptr[0], 4))
            n = 1;
        if (n == 0) {
            if (rest.len == 0)
                return false;
            while (n < rest.len && is_word_byte(rest.ptr[n]))
                n++;
            *ret = gt_str_head(rest, n ? n : 1);
            w->pos += ret->len;
            return true;
        }
        w->pos += n;
    }
}

static bool word_is(gt_str word, const char *text)
{
    return gt_str_eq_nocase(word, gt_str_c(text));
}

/* --- EQL -------------------------------------------------------------------------------------- */

void rule_check_eql(rule_source *src, const gt_toml *query)
{
    words w = {query->str, 0};
    gt_str word, span_text = GT_STR_NULL;
    int64_t maxspan, back, every;
    if (!next_word(&w, &word) || !word_is(word, "sequence"))
        return;
    while (!span_text.ptr && next_word(&w, &word))
        if (word_is(word, "maxspan") && next_word(&w, &word) && word_is(word, "=") &&
            next_word(&w, &word))
            span_text = word;
    if (!gt_span_parse(span_text, &maxspan))
        return;
    size_t at = (size_t)(span_text.ptr - query->str.ptr);
    gt_span span = gt_offsets_span(query->where, (gt_span){at, at + span_text.len});
    gt_str from = rule_get_str(src->table, "from"), interval = rule_get_str(src->table, "interval");
    if (rule_look_back(from.len ? from : GT_STR("now-6m"), &back) && back < maxspan)
        rule_complain(src, "RULE-028", span, "let 'from' look back as far",
                      "the sequence spans more time than the rule looks back");
    if (gt_span_parse(interval.len ? interval : GT_STR("5m"), &every) && every < maxspan / 2)
        rule_complain(src, "RULE-028", span, NULL,
                      "the interval is less than half of the sequence's maxspan");
}

/* --- ES|QL ------------------------------------------------------------------------------------ */

enum { ID = 1, INDEX = 2, VERSION = 4, ALL = 7 };

typedef struct esql_facts {
    unsigned metadata; /* of the three that FROM asks for */
    unsigned kept;     /* that a KEEP carries */
    bool keep;
    bool stats;
    bool stats_by;
} esql_facts;

static unsigned metadata_field(gt_str word)
{
    return word_is(word, "_id")        ? ID
           : word_is(word, "_index")   ? INDEX
           : word_is(word, "_version") ? VERSION
                                       : 0;
}

static esql_facts read_esql(gt_str text)
{
    words w = {text, 0};
    esql_facts facts = {0};
    gt_str word, command = GT_STR_NULL;
    bool first = true, metadata = false;
    while (next_word(&w, &word)) {
        if (gt_str_is(word, "|")) {
            first = true;
            continue;
        }
        if (first) {
            command = word;
            first = metadata = false;
            facts.keep = facts.keep || word_is(word, "keep");
            facts.stats = facts.stats || word_is(word, "stats");
        } else if (word_is(command, "from")) {
            metadata = metadata || word_is(word, "metadata");
            facts.metadata |= metadata ? metadata_field(word) : 0;
        } else if (word_is(command, "keep")) {
            facts.kept |= gt_str_is(word, "*") ? (unsigned)ALL : metadata_field(word);
        } else if (word_is(command, "stats")) {
            facts.stats_by = facts.stats_by || word_is(word, "by");
        }
    }
    return facts;
}

void rule_check_esql(rule_source *src, const gt_toml *query)
{
    esql_facts facts = read_esql(query->str);
    gt_span end = gt_offsets_span(query->where, (gt_span){query->str.len, query->str.len});
    gt_span begin = gt_offsets_span(query->where, (gt_span){0, 0});
    bool aggregates = facts.stats && facts.stats_by;
    if (!aggregates && facts.metadata != ALL)
        rule_complain(src, "RULE-029", begin, "write FROM … METADATA _id, _version, _index",
                      "an ES|QL rule asks for its metadata or aggregates with STATS … BY");
    if (!facts.keep)
        rule_complain(src, "RULE-029", end, NULL, "an ES|QL rule has a KEEP command");
    else if (!aggregates && facts.kept != ALL)
        rule_complain(src, "RULE-029", end, NULL, "KEEP must carry _id, _version and _index, or *");
}
