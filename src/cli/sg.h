/* sg.h — what the `gatetrail sg` commands share: groups and paths from the arguments, the history they
 * give, and the words for actors, rules and pieces. */
#ifndef GT_CLI_SG_H
#define GT_CLI_SG_H

#include "cli/run.h"
#include "cli/sg_db.h"
#include "sg/history.h"
#include "store/store.h"

typedef enum gt_sg_format { GT_SG_TEXT, GT_SG_JSON, GT_SG_NDJSON } gt_sg_format;

typedef struct gt_sg_run {
    gt_cli *cli;
    gt_run run;
    gt_store *store;        /* --db; NULL: paths */
    gt_sg_db_facts facts;
    gt_sg_history *history; /* of everything, or with a database of the group at hand */
    bool whole;             /* history holds everything */
    gt_arena *arena; /* for one group: reset between groups */
    gt_buf text;
    gt_sg_format format;
    gt_str *groups; /* asked for, in the order given */
    size_t group_count;
    gt_str *paths;
    size_t path_count;
    size_t printed; /* JSON items so far */
    int exit;       /* of reading: GT_EXIT_OK or GT_EXIT_INPUT */
} gt_sg_run;

/* Take the arguments apart, read the paths (and --db), anchor (--snapshot). GT_EXIT_OK or what the
 * command should return; gt_sg_run_done is due in every case. */
int gt_sg_run_open(gt_cli *cli, gt_sg_run *ret);
void gt_sg_run_done(gt_sg_run *run);

/* Call fn for each group asked for, or for all, in the order of ids; groups that no record names are said
 * to be unknown on standard error. The timeline lives until fn returns. Returns the exit status. */
typedef gt_status gt_sg_group_fn(void *context, const gt_sg_timeline *timeline);
int gt_sg_run_groups(gt_sg_run *run, gt_sg_group_fn *fn, void *context);

/* One JSON item of a list: a line of NDJSON, or an element of the array that gt_sg_run_end closes. */
void gt_sg_print_item(gt_sg_run *run, const gt_json *item);
/* Close the array, say the last line; the exit status. */
int gt_sg_run_end(gt_sg_run *run);

/* "2024-10-14T14:11:38Z" in the arena, or JSON null for GT_SG_NO_TIME. */
gt_json *gt_sg_time_json(gt_arena *arena, gt_time_ms time);
gt_str gt_sg_time_text(gt_arena *arena, gt_time_ms time);
/* {arn, class, tool, source_ip, invoked_by}. */
gt_json *gt_sg_actor_json(gt_arena *arena, const gt_sg_actor *actor);
/* {event_id, time, event_name, arn, class, tool, source_ip}; null without a step. */
gt_json *gt_sg_origin_json(gt_arena *arena, const gt_sg_step *step);
/* The pieces of a space as a list. */
gt_json *gt_sg_pieces_json(gt_arena *arena, const gt_sg_space *space);
/* How many pieces from the first on differ from it in their prefix alone; and those as text, a few of their
 * prefixes spelled out. */
size_t gt_sg_pieces_alike(const gt_sg_piece *pieces, size_t count);
void gt_sg_put_pieces(gt_sg_run *run, const gt_sg_piece *pieces, size_t count);
/* The rule with its group, owner and what is known of it. */
gt_json *gt_sg_version_json(gt_arena *arena, const gt_sg_timeline *timeline,
                            const gt_sg_version *version);
/* How sure it is that a rule is in force: "certain", "maybe", "direction unknown". */
const char *gt_sg_certainty(const gt_sg_version *version);
/* In force at `time` and sure in every respect: a fact that may be compared with AWS's answer. */
bool gt_sg_is_fact(const gt_sg_version *version, gt_time_ms time);
/* The short name of an actor for a column: the user, the role, the service. */
gt_str gt_sg_actor_short(const gt_sg_actor *actor);
/* printf into run->text, escaping what %s texts cannot be trusted with is the caller's: use this for
 * strings from logs. */
void gt_sg_put(gt_sg_run *run, gt_str s);
/* Print and empty run->text. */
void gt_sg_flush_text(gt_sg_run *run);

#endif
