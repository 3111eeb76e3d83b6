/* The verdict: the sum of reasons that the steps gave, each printed with its weight. */
#include "investigate/internal.h"

/* Chosen so that one strong sign alone (a shell opened to the world: 35) is suspicious, not yet harmful,
 * and that two signs together are; and that one strong excuse (a matching plan: -35) outweighs it. */
#define HARMFUL 50
#define SUSPICIOUS 15
#define EXPECTED (-15)

static const char *verdict_word(const gt_inv *inv)
{
    if (!inv->weighed)
        return "undetermined";
    if (inv->score >= HARMFUL)
        return "harmful";
    if (inv->score >= SUSPICIOUS)
        return "suspicious";
    if (inv->score <= EXPECTED)
        return "expected";
    return "undetermined";
}

static void add_response(gt_inv *inv, gt_json *array, const char *plan, const char *why)
{
    gt_json *entry = gt_json_new_object(inv->arena);
    gt_json_setl(entry, "plan", gt_json_new_str(inv->arena, gt_str_c(plan)));
    gt_json_setl(entry, "why", gt_json_new_str(inv->arena, gt_str_c(why)));
    gt_json_setl(entry, "command",
                 gt_json_new_str(inv->arena,
                                 gt_arena_printf(inv->arena, "gatetrail respond %.*s --plan %s",
                                                 GT_STR_ARG(inv->event->id), plan)));
    gt_json_append(array, entry);
}

static void add_responses(gt_inv *inv)
{
    gt_json *array = gt_json_new_array(inv->arena);
    bool changed = false, attached = false;
    for (size_t i = 0; i < inv->group_count; i++) {
        const gt_sg_step *step = inv->groups[i].step;
        changed |= step && (step->added || step->removed);
        attached |= step && inv->groups[i].effect.opened.count;
    }
    bool bad = inv->score >= SUSPICIOUS;
    if (changed && !inv->undone)
        add_response(inv, array, "revert", bad ? "the change stands: put the rules back as they were"
                                               : "only if the change turns out to be unwanted");
    if (bad && inv->opens_internet && !inv->undone)
        add_response(inv, array, "narrow", "keep the service, but for known addresses only");
    if (bad && inv->chain.end != GT_END_SERVICE)
        add_response(inv, array, "restrict", "take from this identity the permission to change "
                                             "security groups until it is cleared");
    if (inv->score >= HARMFUL && attached)
        add_response(inv, array, "quarantine", "cut off what the group is attached to while it is "
                                               "looked at");
    if (bad)
        add_response(inv, array, "audit", "look for other groups that are open, and for who may "
                                          "change them");
    gt_json_setl(inv->report, "response", array);
}

void gt_inv_verdict(gt_inv *inv)
{
    gt_json *verdict = gt_json_new_object(inv->arena);
    if (inv->change && inv->change->outcome == GT_SG_APPLIED && inv->group_count) {
        bool opened = false, unknown = false;
        for (size_t i = 0; i < inv->group_count; i++) {
            opened |= inv->groups[i].effect.opened.count > 0;
            unknown |= !inv->groups[i].step || inv->groups[i].effect.unknown;
        }
        if (!opened && !unknown)
            gt_reason(inv, -5, inv->event->id, "it opened nothing");
    }
    gt_json_setl(verdict, "verdict", gt_json_new_str(inv->arena, gt_str_c(verdict_word(inv))));
    gt_json_setl(verdict, "score", gt_json_new_i64(inv->arena, inv->score));
    gt_json_setl(verdict, "scale",
                 gt_json_new_str(inv->arena,
                                 gt_arena_printf(inv->arena, "harmful from %d, suspicious from %d, "
                                                 "expected from %d down, else undetermined", HARMFUL,
                                                 SUSPICIOUS, EXPECTED)));
    gt_json_setl(verdict, "reasons", inv->reasons);
    gt_json_setl(inv->report, "verdict", verdict);
    add_responses(inv);
}
