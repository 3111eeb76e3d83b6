/* Every constraint of a rule's keys: a valid rule with one line changed must give exactly this code at
 * exactly this text. */
#include "rules_test.h"

/* A rule that is right in everything: {KEY} lines are replaced by the cases. */
static const char *const base[][2] = {
    {"meta", "[metadata]\ncreation_date = \"2024/01/01\"\nupdated_date = \"2024/02/01\"\n"
             "maturity = \"production\"\nintegration = [\"aws\"]\n"},
    {"type", "[rule]\ntype = \"query\"\n"}, /* right behind [metadata] */
    {"name", "name = \"A rule (new)\"\n"},
    {"description", "description = \"d\"\n"},
    {"author", "author = [\"a\"]\n"},
    {"rule_id", "rule_id = \"00000000-0000-4000-8000-00000000000a\"\n"},
    {"risk", "risk_score = 47\n"},
    {"severity", "severity = \"medium\"\n"},
    {"language", "language = \"kuery\"\n"},
    {"query", "query = 'event.action: \"A\"'\n"},
    {"index", "index = [\"filebeat-*\"]\n"},
    {"from", "from = \"now-9m\"\n"},
    {"interval", "interval = \"5m\"\n"},
    {"signals", "max_signals = 100\n"},
    {"more", ""},
    {"threat", "[[rule.threat]]\nframework = \"MITRE ATT&CK\"\n[rule.threat.tactic]\nid = \"TA0003\"\n"
               "name = \"Persistence\"\nreference = \"https://attack.mitre.org/tactics/TA0003/\"\n"
               "[[rule.threat.technique]]\nid = \"T1133\"\nname = \"External Remote Services\"\n"
               "reference = \"https://attack.mitre.org/techniques/T1133\"\n"
               "[[rule.threat.technique.subtechnique]]\nid = \"T1562.007\"\nname = \"x\"\n"
               "reference = \"https://attack.mitre.org/techniques/T1562/007/\"\n"},
    {"tables", ""},
};

typedef struct check_case {
    const char *key, *text; /* what stands in place of the key's line */
    const char *code;       /* NULL: nothing is wrong */
    const char *at;         /* the text it points at; NULL: not looked at */
    const char *key2, *text2; /* a second change */
} check_case;

#define THREAT(framework, id, ref)                                                                 \
    "[[rule.threat]]\nframework = \"" framework "\"\n[rule.threat.tactic]\nid = \"" id "\"\nname = \"n\"\n" \
    "reference = \"" ref "\"\n"
#define TECHNIQUE(id, ref)                                                                         \
    THREAT("MITRE ATT&CK", "TA0003", "https://attack.mitre.org/tactics/TA0003/")                   \
    "[[rule.threat.technique]]\nid = \"" id "\"\nname = \"n\"\nreference = \"" ref "\"\n"
#define THRESHOLD(fields, more) "[rule.threshold]\nfield = " fields "\n" more
#define TERMS(fields, windows) \
    "[rule.new_terms]\nfield = \"new_terms_fields\"\nvalue = " fields "\n" windows
#define WINDOW(value) \
    "[[rule.new_terms.history_window_start]]\nfield = \"history_window_start\"\nvalue = \"" value "\"\n"
#define SUPPRESS(more) "[rule.alert_suppression]\n" more
#define GROUP "group_by = [\"user.name\"]\nmissing_fields_strategy = \"suppress\"\n"
#define DURATION(value, unit) "duration = {value = " value ", unit = \"" unit "\"}\n"
#define TYPE(name) "[rule]\ntype = \"" name "\"\n"
#define EQL TYPE("eql") "language = \"eql\"\n"
#define ESQL TYPE("esql") "language = \"esql\"\n"

static const check_case cases[] = {
    {"more", "", NULL, NULL, NULL, NULL},
    /* keys and types */
    {"more", "serverity = \"low\"\n", "RULE-001", "serverity", NULL, NULL},
    {"tables", "[other]\nx = 1\n", "RULE-001", "other", NULL, NULL},
    {"name", "", "RULE-002", "[rule]", NULL, NULL},
    {"description", "", "RULE-002", "[rule]", NULL, NULL},
    {"rule_id", "", "RULE-002", "[rule]", NULL, NULL},
    {"risk", "", "RULE-002", "[rule]", NULL, NULL},
    {"severity", "", "RULE-002", "[rule]", NULL, NULL},
    {"type", "[rule]\n", "RULE-002", "[rule]", NULL, NULL},
    {"author", "author = \"a\"\n", "RULE-003", "\"a\"", NULL, NULL},
    {"author", "author = [\"a\", 1]\n", "RULE-003", "1", NULL, NULL},
    {"risk", "risk_score = \"47\"\n", "RULE-003", "\"47\"", NULL, NULL},
    {"query", "query = 1\n", "RULE-003", "1", NULL, NULL},
    {"more", "enabled = \"yes\"\n", "RULE-003", "\"yes\"", NULL, NULL},
    /* enumerations */
    {"type", TYPE("querry"), "RULE-004", "\"querry\"", NULL, NULL},
    {"language", "language = \"kql\"\n", "RULE-004", "\"kql\"", NULL, NULL},
    {"severity", "severity = \"Medium\"\n", "RULE-004", "\"Medium\"", NULL, NULL},
    {"more", "building_block_type = \"other\"\n", "RULE-004", "\"other\"", NULL, NULL},
    /* name and id */
    {"name", "name = \" A rule\"\n", "RULE-005", "\" A rule\"", NULL, NULL},
    {"name", "name = \"A rule.\"\n", "RULE-005", "\"A rule.\"", NULL, NULL},
    {"name", "name = \"AB\"\n", "RULE-005", "\"AB\"", NULL, NULL},
    {"rule_id", "rule_id = \"00000000-0000-4000-8000-00000000000A\"\n", "RULE-006", NULL, NULL, NULL},
    {"rule_id", "rule_id = \"x\"\n", "RULE-006", "\"x\"", NULL, NULL},
    {"rule_id", "rule_id = \"\"\n", "RULE-006", "\"\"", NULL, NULL},
    /* risk */
    {"risk", "risk_score = 48\n", "RULE-007", "48", NULL, NULL},
    {"risk", "risk_score = 21\n", "RULE-007", "21", NULL, NULL},
    {"risk", "risk_score = 101\n", "RULE-007", "101", NULL, NULL},
    {"risk", "risk_score = -1\n", "RULE-007", "-1", NULL, NULL},
    {"risk", "risk_score = 0\n", NULL, NULL, "severity", "severity = \"low\"\n"},
    {"risk", "risk_score = 74\n", NULL, NULL, "severity", "severity = \"critical\"\n"},
    {"risk", "risk_score = 73\n", "RULE-007", "73", "severity", "severity = \"critical\"\n"},
    /* type and language, query */
    {"language", "language = \"eql\"\n", "RULE-008", "\"eql\"", NULL, NULL},
    {"type", TYPE("eql"), "RULE-008", "\"kuery\"", NULL, NULL},
    {"query", "", "RULE-009", "[rule]", NULL, NULL},
    {"query", "query = '''\n \n'''\n", "RULE-009", NULL, NULL, NULL},
    {"query", "", NULL, NULL, "more", "filters = [{query = {exists = {field = 'a'}}}]\n"},
    {"query", "query = 'a: '\n", "KQL-", NULL, NULL, NULL},
    {"type", TYPE("saved_query"), NULL, NULL, "query", "saved_id = \"s\"\n"},
    {"type", TYPE("machine_learning"), "RULE-002", "[rule]", "query", ""},
    /* indices */
    {"more", "data_view_id = \"v\"\n", "RULE-010", "data_view_id", NULL, NULL},
    {"index", "", NULL, NULL, "more", "data_view_id = \"v\"\n"},
    /* times */
    {"from", "from = \"9m\"\n", "RULE-011", "\"9m\"", NULL, NULL},
    {"from", "from = \"now-9m/m\"\n", "RULE-011", "\"now-9m/m\"", NULL, NULL},
    {"from", "from = \"now-9\"\n", "RULE-011", "\"now-9\"", NULL, NULL},
    {"from", "from = \"now-1M\"\n", NULL, NULL, NULL, NULL},
    {"from", "from = \"\"\n", "RULE-011", "\"\"", NULL, NULL},
    {"interval", "interval = \"5\"\n", "RULE-011", "\"5\"", NULL, NULL},
    {"interval", "interval = \"1w\"\n", "RULE-011", "\"1w\"", NULL, NULL},
    {"interval", "interval = \"0m\"\n", "RULE-011", "\"0m\"", NULL, NULL},
    {"interval", "interval = \"\"\n", "RULE-011", "\"\"", NULL, NULL},
    {"interval", "interval = \"2d\"\n", NULL, NULL, NULL, NULL},
    {"signals", "max_signals = 0\n", "RULE-012", "0", NULL, NULL},
    {"signals", "max_signals = 1001\n", "RULE-012", "1001", NULL, NULL},
    {"signals", "max_signals = 1000\n", NULL, NULL, NULL, NULL},
    /* building blocks */
    {"more", "building_block_type = \"default\"\n", "RULE-013", "\"default\"", "interval",
     "interval = \"60m\"\n"},
    {"more", "building_block_type = \"default\"\n", "RULE-013", "\"default\"", "from",
     "from = \"now-119m\"\n"},
    {"from", "from = \"now-119m\"\nbuilding_block_type = \"default\"\n", NULL, NULL, "interval",
     "interval = \"60m\"\n"},
    {"meta", "[metadata]\ncreation_date = \"2024/01/01\"\nupdated_date = \"2024/02/01\"\n"
             "bypass_bbr_timing = true\n", NULL, NULL, "more", "building_block_type = \"default\"\n"},
    /* threshold */
    {"type", TYPE("threshold"), "RULE-002", "[rule]", NULL, NULL},
    {"tables", THRESHOLD("[]", "value = 1\n"), "RULE-014", "threshold", NULL, NULL},
    {"type", TYPE("threshold"), NULL, NULL, "tables", THRESHOLD("[]", "value = 1\n")},
    {"type", TYPE("threshold"), NULL, NULL, "tables",
     THRESHOLD("[\"a\", \"b\", \"c\", \"d\", \"e\"]", "value = 1\n")},
    {"type", TYPE("threshold"), "RULE-014", "[1, 2, 3, 4, 5, 6]", "tables",
     THRESHOLD("[1, 2, 3, 4, 5, 6]", "value = 1\n")},
    {"type", TYPE("threshold"), "RULE-014", "0", "tables", THRESHOLD("[\"a\"]", "value = 0\n")},
    {"type", TYPE("threshold"), "RULE-002", "[rule.threshold]", "tables",
     THRESHOLD("[\"a\"]", "")},
    {"type", TYPE("threshold"), "RULE-014", "0", "tables",
     THRESHOLD("[\"a\"]", "value = 1\n[[rule.threshold.cardinality]]\nfield = \"f\"\nvalue = 0\n")},
    {"type", TYPE("threshold"), "RULE-003", "\"a\"", "tables", THRESHOLD("\"a\"", "value = 1\n")},
    {"type", "min_stack_version = \"8.17.0\"\nmin_stack_comments = \"c\"\n" TYPE("threshold"),
     "RULE-014", "[\"a\", \"b\", \"c\", \"d\"]", "tables",
     THRESHOLD("[\"a\", \"b\", \"c\", \"d\"]", "value = 1\n")},
    /* new terms */
    {"type", TYPE("new_terms"), NULL, NULL, "tables", TERMS("[\"a\"]", WINDOW("now-7d"))},
    {"type", TYPE("new_terms"), "RULE-015", "[]", "tables", TERMS("[]", WINDOW("now-7d"))},
    {"type", TYPE("new_terms"), "RULE-015", "[\"a\", \"b\", \"c\", \"d\"]", "tables",
     TERMS("[\"a\", \"b\", \"c\", \"d\"]", WINDOW("now-7d"))},
    {"type", TYPE("new_terms"), "RULE-015", "\"now-9m\"", "tables",
     TERMS("[\"a\"]", WINDOW("now-9m"))},
    {"type", TYPE("new_terms"), "RULE-015", "\"7d\"", "tables", TERMS("[\"a\"]", WINDOW("7d"))},
    {"type", TYPE("new_terms"), "RULE-015", NULL, "tables",
     TERMS("[\"a\"]", WINDOW("now-7d") WINDOW("now-8d"))},
    {"type", TYPE("new_terms"), "RULE-002", NULL, "tables", TERMS("[\"a\"]", "")},
    {"type", TYPE("new_terms"), "RULE-015", "\"b\"", "tables",
     "[rule.new_terms]\nfield = \"b\"\nvalue = [\"a\"]\n" WINDOW("now-7d")},
    /* suppression */
    {"tables", SUPPRESS(GROUP), NULL, NULL, NULL, NULL},
    {"tables", SUPPRESS(GROUP DURATION("5", "h")), NULL, NULL, NULL, NULL},
    {"tables", SUPPRESS(GROUP DURATION("0", "h")), "RULE-016", "0", NULL, NULL},
    {"tables", SUPPRESS(GROUP DURATION("5", "d")), "RULE-004", "\"d\"", NULL, NULL},
    {"tables", SUPPRESS("group_by = []\nmissing_fields_strategy = \"suppress\"\n"), "RULE-016", "[]",
     NULL, NULL},
    {"tables", SUPPRESS("group_by = [\"a\"]\nmissing_fields_strategy = \"no\"\n"), "RULE-004",
     "\"no\"", NULL, NULL},
    {"tables", SUPPRESS("group_by = [\"a\"]\n"), "RULE-016", NULL, NULL, NULL},
    {"tables", SUPPRESS("missing_fields_strategy = \"suppress\"\n"), "RULE-016", NULL, NULL, NULL},
    {"type", TYPE("threshold"), "RULE-016", NULL, "tables",
     THRESHOLD("[\"a\"]", "value = 1\n") SUPPRESS("group_by = [\"a\"]\n" DURATION("1", "m"))},
    {"type", TYPE("threshold"), "RULE-016", NULL, "tables",
     THRESHOLD("[\"a\"]", "value = 1\n") SUPPRESS("")},
    /* threat */
    {"threat", THREAT("MITRE", "TA0003", "https://attack.mitre.org/tactics/TA0003/"), "RULE-004",
     "\"MITRE\"", NULL, NULL},
    {"threat", THREAT("MITRE ATT&CK", "T0003", "https://attack.mitre.org/tactics/TA0003/"), "RULE-017",
     "\"T0003\"", NULL, NULL},
    {"threat", THREAT("MITRE ATT&CK", "TA0003", "https://attack.mitre.org/techniques/T1003/"),
     "RULE-017", NULL, NULL, NULL},
    {"threat", THREAT("MITRE ATLAS", "AML.TA0003", "https://atlas.mitre.org/tactics/AML.TA0003"), NULL,
     NULL, NULL, NULL},
    {"threat", TECHNIQUE("T1562.007", "https://attack.mitre.org/techniques/T1562/"), "RULE-017",
     "\"T1562.007\"", NULL, NULL},
    {"threat", TECHNIQUE("T1562", "https://attack.mitre.org/techniques/T1562/007/"), "RULE-017", NULL,
     NULL, NULL},
    {"threat", "[[rule.threat]]\nframework = \"MITRE ATT&CK\"\n", "RULE-002", NULL, NULL, NULL},
    /* metadata */
    {"meta", "[metadata]\ncreation_date = \"2024-01-01\"\nupdated_date = \"2024/02/01\"\n", "RULE-019",
     "\"2024-01-01\"", NULL, NULL},
    {"meta", "[metadata]\ncreation_date = \"2024/02/30\"\nupdated_date = \"2024/03/01\"\n", "RULE-019",
     "\"2024/02/30\"", NULL, NULL},
    {"meta", "[metadata]\ncreation_date = \"2024/02/02\"\nupdated_date = \"2024/02/01\"\n", "RULE-019",
     "\"2024/02/01\"", NULL, NULL},
    {"meta", "", "RULE-019", NULL, NULL, NULL},
    {"meta", "[metadata]\ncreation_date = \"2024/01/01\"\nupdated_date = \"2024/02/01\"\n"
             "min_stack_version = \"8.17\"\n", "RULE-019", "min_stack_version", NULL, NULL},
    {"meta", "[metadata]\ncreation_date = \"2024/01/01\"\nupdated_date = \"2024/02/01\"\n"
             "min_stack_version = \"8\"\nmin_stack_comments = \"c\"\n", "RULE-019", "\"8\"", NULL, NULL},
    {"meta", "[metadata]\ncreation_date = \"2024/01/01\"\nupdated_date = \"2024/02/01\"\n"
             "maturity = \"done\"\n", "RULE-004", "\"done\"", NULL, NULL},
    {"more", "version = 2\n", "RULE-020", "version", NULL, NULL},
    {"more", "revision = 2\n", "RULE-020", "revision", NULL, NULL},
    /* EQL: type, language, query and index in place of one line */
    {"type", TYPE("eql"), NULL, NULL, "language", "language = \"eql\"\n"},
    {"query", "query = 'sequence by x with maxspan=15m [any where true] [any where true]'\n", "RULE-028",
     "15m", "type", EQL},
    {"query", "query = 'sequence with maxspan=9m [any where true] /* maxspan=90m */ [any where true]'\n",
     NULL, NULL, "type", EQL},
    {"query", "query = 'from a metadata _id, _version, _index | where x | keep _id, _version, _index'\n",
     NULL, NULL, "type", ESQL},
    {"query", "query = 'from a | where x | keep *'\n", "RULE-029", NULL, "type", ESQL},
    {"query", "query = 'from a | stats c = count(*) by x | keep c'\n", NULL, NULL, "type", ESQL},
    {"query", "query = 'from a | stats c = count(*) by x // keep'\n", "RULE-029", NULL, "type", ESQL},
    {"query", "query = 'from a metadata _id, _version, _index | keep _id, y'\n", "RULE-029", NULL, "type",
     ESQL},
};

static bool mentions(const check_case *c, const char *what)
{
    return strstr(c->text, what) || (c->text2 && strstr(c->text2, what));
}

static void build(gt_buf *out, const check_case *c)
{
    for (size_t i = 0; i < sizeof base / sizeof *base; i++) {
        const char *key = base[i][0], *text = base[i][1];
        if (strcmp(key, c->key) == 0)
            text = c->text;
        else if (c->key2 && strcmp(key, c->key2) == 0)
            text = c->text2;
        else if ((strcmp(key, "language") == 0 && mentions(c, "language = ")) ||
                 (strcmp(key, "index") == 0 && mentions(c, "\"esql\"")))
            continue;
        gt_buf_add(out, gt_str_c(text));
    }
}

static void constraints(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const check_case *c = &cases[i];
        gt_buf text = GT_BUF(GT_MIB);
        build(&text, c);
        loaded l = load_text("r.toml", gt_buf_str(&text));
        const gt_diags *d = &l.set->files[0].diags;
        bool found = c->code == NULL && d->count == 0;
        for (size_t k = 0; k < d->count && c->code; k++) {
            gt_span span = d->items[k].span;
            gt_str at = {d->text.ptr + span.begin, span.end - span.begin};
            found = found || (strncmp(d->items[k].code, c->code, strlen(c->code)) == 0 &&
                              (!c->at || gt_str_eq(at, gt_str_c(c->at))));
        }
        if (!found)
            fail_msg("case %zu (%s: %s) wanted %s, got:\n%s", i, c->key, c->text,
                     c->code ? c->code : "nothing", said(&l));
        bool error = d->errors > 0;
        assert_true((l.set->items[0]->state == GT_RULE_BROKEN) == error);
        unload(&l);
        gt_buf_done(&text);
    }
}

static void all_at_once(void **state)
{
    (void)state;
    loaded l = load_text("r.toml", GT_STR(
        "[metadata]\ncreation_date = \"x\"\nupdated_date = \"2024/02/01\"\n[rule]\nname = \"?\"\n"
        "description = \"d\"\nrule_id = \"y\"\nrisk_score = 500\nseverity = \"bad\"\ntype = \"query\"\n"
        "query = '''a: (b or\n  c == d'''\nfrom = \"z\"\nmax_signals = 0\nfoo = 1\n"));
    assert_true(l.set->errors >= 8);
    assert_int_equal(l.set->warnings, 1);
    unload(&l);
}

/* Kibana accepts what Elastic's repository refuses: then it is a warning, and the rule runs. */
static void kibana_is_milder(void **state)
{
    (void)state;
    loaded l = load_text("r.ndjson", GT_STR(
        "{\"name\":\"a rule!\",\"description\":\"d\",\"risk_score\":99,\"severity\":\"low\",\"type\":"
        "\"query\",\"rule_id\":\"my-rule\",\"query\":\"a:b\",\"from\":\"now-1d/d\",\"max_signals\":2000,"
        "\"version\":3,\"revision\":1,\"note\":null,\"saved_id\":null}"));
    assert_int_equal(l.set->errors, 0);
    assert_int_equal(l.set->warnings, 4);
    assert_int_equal(l.set->items[0]->state, GT_RULE_RUNS);
    assert_int_equal(l.set->items[0]->version, 3);
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constraints),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(kibana_is_milder),
    };
    return cmocka_run_group_tests_name("checks", tests, NULL, NULL);
}
