/* expected.h — what is normal here: the [expected] table of gatetrail.toml.
 *
 *   [expected]
 *   administrators = ["arn:aws:iam::123456789012:role/admin", "arn:aws:iam::*:role/ops-*"]
 *   automation     = ["arn:aws:iam::123456789012:role/terraform"]
 *   networks       = ["203.0.113.0/24"]
 *   countries      = ["DE", "AT"]
 *   regions        = ["eu-central-1"]
 *   ports          = ["tcp/443", "tcp/8000-8099", "icmp"]
 *   windows        = [
 *     { days = ["mon", "tue"], from = "08:00", to = "18:00" },                       # UTC
 *     { start = "2024-10-14T09:00:00Z", end = "2024-10-14T11:00:00Z", reason = "CHG-7" } ]
 *
 * Actors are matched against the ARN of the role or user (never a session's name); '*' stands for any
 * run of characters. A list that is absent says nothing; an empty one says "none is". */
#ifndef GT_INVESTIGATE_EXPECTED_H
#define GT_INVESTIGATE_EXPECTED_H

#include "base/ip.h"
#include "base/timeutil.h"
#include "toml/toml.h"

typedef struct gt_expected_list {
    bool given;
    gt_str *items;
    size_t count;
} gt_expected_list;

typedef struct gt_expected_window {
    bool weekly;
    uint8_t days;          /* bit 0 Monday … bit 6 Sunday */
    int32_t from_min, to_min; /* of the day, UTC; to before from runs over midnight */
    gt_time_ms start, end; /* not weekly: end is exclusive */
    gt_str reason;
} gt_expected_window;

typedef struct gt_expected_port {
    gt_str protocol; /* "tcp", "udp", "icmp", … */
    int32_t from, to; /* 0-65535 */
} gt_expected_port;

typedef struct gt_expected {
    gt_expected_list administrators, automation, countries, regions;
    bool networks_given;
    gt_cidr *networks;
    size_t network_count;
    bool ports_given;
    gt_expected_port *ports;
    size_t port_count;
    bool windows_given;
    gt_expected_window *windows;
    size_t window_count;
} gt_expected;

/* Read the table (NULL: an absent one). All mistakes go to diags (CFG-3xx). GT_OK, GT_INVALID,
 * GT_NOMEM. */
gt_status gt_expected_read(gt_arena *arena, const gt_toml *table, gt_diags *diags, gt_expected *ret)
    GT_MUST_CHECK;

/* '*' and nothing else is special; letters by case. */
bool gt_expected_glob(gt_str pattern, gt_str text);
/* The pattern that matches, or ptr NULL. */
gt_str gt_expected_match(const gt_expected_list *list, gt_str text);
/* The window that holds the time, or NULL. */
const gt_expected_window *gt_expected_window_at(const gt_expected *expected, gt_time_ms time);

#endif
