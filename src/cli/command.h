/* command.h — the tables of commands and options (commands.def, options.def). */
#ifndef GT_CLI_COMMAND_H
#define GT_CLI_COMMAND_H

#include "base/str.h"

typedef struct gt_cli gt_cli;

typedef enum gt_option_type {
    GT_OPTION_FLAG,
    GT_OPTION_STRING,
    GT_OPTION_PATH,
    GT_OPTION_CHOICE,
    GT_OPTION_NUMBER,
    GT_OPTION_TIME,
    GT_OPTION_SPAN,
} gt_option_type;

typedef enum gt_option_id {
#define OPTION(id, ...) GT_OPT_##id,
#include "cli/options.def"
#undef OPTION
    GT_OPT_COUNT_OF,
    GT_OPT_END = 0xff, /* ends a command's list */
} gt_option_id;

typedef struct gt_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    uint8_t type;     /* gt_option_type */
    bool many;
    const char *argument; /* NULL for flags */
    const char *group;
    const char *help;
} gt_option;

#define GT_ARGS_ANY 0xffffffffu

typedef struct gt_command {
    const char *name; /* "scan", "rules list" */
    const char *arguments;
    unsigned least;
    unsigned most;
    const uint8_t *options; /* gt_option_id, ended by GT_OPT_END; without the general ones */
    const char *summary;
    const char *description;
    const char *examples;
    int (*run)(gt_cli *cli);
} gt_command;

extern const gt_option gt_options[GT_OPT_COUNT_OF];
extern const gt_command gt_commands[];
extern const size_t gt_commands_count;

/* Options that every command has, ended by GT_OPT_END. */
extern const uint8_t gt_options_general[];

/* Groups of options that several commands share. */
#define GT_OPTS_RULES                                                                              \
    GT_OPT_RULES, GT_OPT_RULE, GT_OPT_NO_BUILTIN, GT_OPT_EXCEPTIONS, GT_OPT_VALUE_LIST
#define GT_OPTS_RULE_SET GT_OPT_RULES, GT_OPT_NO_BUILTIN, GT_OPT_EXCEPTIONS, GT_OPT_VALUE_LIST
#define GT_OPTS_STORE GT_OPT_DB, GT_OPT_CONFIG
#define GT_OPTS_ALERTS                                                                             \
    GT_OPTS_STORE, GT_OPT_STATUS, GT_OPT_MIN_SEVERITY, GT_OPT_ALERT_RULE, GT_OPT_ASSIGNEE,         \
        GT_OPT_SINCE, GT_OPT_UNTIL
#define GT_OPTS_CHANGE GT_OPTS_ALERTS, GT_OPT_MATCHING, GT_OPT_BY
#define GT_OPTS_SELECT                                                                             \
    GT_OPT_INPUT, GT_OPT_SINCE, GT_OPT_UNTIL, GT_OPT_ACCOUNT, GT_OPT_REGION, GT_OPT_THREADS,       \
        GT_OPT_TIMINGS
#define GT_OPTS_SG                                                                                 \
    GT_OPT_DB, GT_OPT_FORMAT_SG, GT_OPT_SNAPSHOT, GT_OPT_SNAPSHOT_TIME, GT_OPT_ACCOUNT,             \
        GT_OPT_REGION, GT_OPT_THREADS
#define GT_OPTS_AWS                                                                                \
    GT_OPT_ENDPOINT_URL, GT_OPT_PROFILE, GT_OPT_ROLE_ARN, GT_OPT_EXTERNAL_ID, GT_OPT_MFA_SERIAL,   \
        GT_OPT_MFA_TOKEN
#define GT_OPTS_MAPPING                                                                            \
    GT_OPT_MAPPING, GT_OPT_TAG, GT_OPT_CREATED, GT_OPT_GEOIP_CITY, GT_OPT_GEOIP_ASN

#define GT_OPTS_CLUSTER GT_OPT_CLUSTER_USER, GT_OPT_CA_FILE, GT_OPT_SIGN_AWS, GT_OPT_PATIENCE

#define COMMAND(id, ...) int gt_cmd_##id(gt_cli *cli);
#include "cli/commands.def"
#undef COMMAND

/* The command of this full name ("rules list"), or NULL. */
const gt_command *gt_command_find(gt_str name);
/* Is there a command that begins with this word and a space ("rules")? */
bool gt_command_is_group(gt_str word);
/* The i-th option of a command, general ones last; NULL behind the end. ret_id may be NULL. */
const gt_option *gt_command_option(const gt_command *command, size_t i, gt_option_id *ret_id);

#endif
