#include "rule/rule_internal.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PATTERN_MAX 64 /* of ours below */

/* Is there a name that both patterns match? '*' is any run. */
static bool patterns_meet(gt_str a, gt_str b)
{
    bool row[PATTERN_MAX + 1], next[PATTERN_MAX + 1];
    gt_assert(b.len <= PATTERN_MAX);
    for (size_t i = a.len + 1; i-- > 0;) {
        for (size_t j = b.len + 1; j-- > 0;) {
            bool a_star = i < a.len && a.ptr[i] == '*', b_star = j < b.len && b.ptr[j] == '*';
            bool a_end = i == a.len, b_end = j == b.len;
            bool meets = a_end && b_end;
            if (a_star)
                meets = next[j] || (!b_end && row[j + 1]);
            else if (b_star)
                meets = row[j + 1] || (!a_end && next[j]);
            else if (!a_end && !b_end)
                meets = a.ptr[i] == b.ptr[j] && next[j + 1];
            row[j] = meets;
        }
        memcpy(next, row, sizeof next);
    }
    return next[0];
}

/* Where CloudTrail events live: the integration's data streams, Filebeat's indices. */
static const gt_str ours[] = {
    GT_STR("logs-aws.cloudtrail-*"), GT_STR(".ds-logs-aws.cloudtrail-*"),
    GT_STR("filebeat-*"),            GT_STR(".ds-filebeat-*"),
};

/* Names that are taken by others: data streams of another data set, other shippers, the stack's own
 * indices. Any other name may be where someone keeps CloudTrail events. */
static const gt_str others[] = {
    GT_STR("logs-"),       GT_STR("metrics-"),   GT_STR("traces-"),       GT_STR("synthetics-"),
    GT_STR("profiling-"),  GT_STR("."),          GT_STR("apm-"),          GT_STR("auditbeat-"),
    GT_STR("endgame-"),    GT_STR("heartbeat-"), GT_STR("journalbeat-"),  GT_STR("metricbeat-"),
    GT_STR("packetbeat-"), GT_STR("winlogbeat-"), GT_STR("functionbeat-"),
};

bool rule_index_may_hold_cloudtrail(gt_str pattern)
{
    size_t colon = gt_str_find_byte(pattern, ':'); /* cluster:index */
    if (colon != GT_NPOS)
        pattern = gt_str_from(pattern, colon + 1);
    if (gt_str_starts(pattern, GT_STR("-"))) /* takes away from the patterns before it */
        return false;
    for (size_t i = 0; i < COUNT(ours); i++)
        if (patterns_meet(pattern, ours[i]))
            return true;
    for (size_t i = 0; i < COUNT(others); i++)
        if (gt_str_starts(pattern, others[i]))
            return false;
    return true;
}
