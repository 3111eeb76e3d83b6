/* complete.c — completion scripts for bash and zsh, written from the tables. */
#include "cli/cli_internal.h"

static void words(gt_buf *out, const gt_command *command, bool values)
{
    const gt_option *option;
    for (size_t i = 0; (option = gt_command_option(command, i, NULL)); i++) {
        if (!values) {
            gt_buf_printf(out, " --%s", option->name);
            continue;
        }
        if (option->type != GT_OPTION_CHOICE)
            continue;
        gt_buf_printf(out, "        '%s --%s') words='", command->name, option->name);
        for (const char *c = option->argument; *c; c++)
            gt_buf_add_byte(out, *c == '|' ? ' ' : *c);
        gt_buf_lit(out, "' ;;\n");
    }
}

/* First words, and after a group its second words. */
static void command_words(gt_buf *out, gt_str group)
{
    gt_str last = GT_STR_NULL;
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_str word, rest = gt_str_cut(gt_str_c(gt_commands[i].name), ' ', &word);
        if (group.len && !gt_str_eq(word, group))
            continue;
        gt_str shown = group.len ? rest : word;
        if (shown.len && !gt_str_eq(shown, last))
            gt_buf_printf(out, " %.*s", GT_STR_ARG(shown));
        last = shown;
    }
}

static void group_words(gt_buf *out)
{
    gt_str last = GT_STR_NULL;
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_str word, rest = gt_str_cut(gt_str_c(gt_commands[i].name), ' ', &word);
        if (!rest.len || gt_str_eq(word, last))
            continue;
        last = word;
        gt_buf_printf(out, "        %.*s) words='", GT_STR_ARG(word));
        command_words(out, word);
        gt_buf_lit(out, "' ;;\n");
    }
}

void gt_help_bash(gt_buf *out)
{
    gt_buf_lit(out, "# bash completion for gatetrail; made by 'gatetrail help --completion bash'\n"
                    "_gatetrail() {\n"
                    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                    "    local first=${COMP_WORDS[1]-} second=${COMP_WORDS[2]-} command words=''\n"
                    "    COMPREPLY=()\n"
                    "    if (( COMP_CWORD == 1 )); then\n        words='");
    command_words(out, GT_STR_NULL);
    gt_buf_lit(out, "'\n        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n        return\n"
                    "    fi\n    command=$first\n    case $first in\n");
    group_words(out);
    gt_buf_lit(out, "    esac\n    if [[ -n $words ]]; then\n        if (( COMP_CWORD == 2 )); then\n"
                    "            COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                    "            return\n        fi\n        command=\"$first $second\"\n    fi\n"
                    "    words=''\n    case \"$command $prev\" in\n");
    for (size_t i = 0; i < gt_commands_count; i++)
        words(out, &gt_commands[i], true);
    gt_buf_lit(out, "    esac\n    if [[ -z $words && $cur == -* ]]; then\n        case $command in\n");
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_buf_printf(out, "        '%s') words='", gt_commands[i].name);
        words(out, &gt_commands[i], false);
        gt_buf_lit(out, "' ;;\n");
    }
    gt_buf_lit(out, "        esac\n    fi\n    if [[ -n $words ]]; then\n"
                    "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n    else\n"
                    "        COMPREPLY=($(compgen -f -- \"$cur\"))\n    fi\n}\n"
                    "complete -o filenames -F _gatetrail gatetrail\n");
}

/* Text inside zsh's 'name[help]': quotes and brackets would end it. */
static void zsh_text(gt_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            gt_buf_lit(out, "'\\''");
        else if (memchr("[]:\\", *text, 4))
            gt_buf_printf(out, "\\%c", *text);
        else
            gt_buf_add_byte(out, *text);
    }
}

static void zsh_options(gt_buf *out, const gt_command *command)
{
    const gt_option *option;
    for (size_t i = 0; (option = gt_command_option(command, i, NULL)); i++) {
        gt_buf_printf(out, " \\\n                '%s--%s%s[", option->many ? "*" : "", option->name,
                      option->argument ? "=" : "");
        zsh_text(out, option->help);
        gt_buf_add_byte(out, ']');
        if (option->type == GT_OPTION_CHOICE) {
            gt_buf_printf(out, ":%s:(", option->name);
            for (const char *c = option->argument; *c; c++)
                gt_buf_add_byte(out, *c == '|' ? ' ' : *c);
            gt_buf_add_byte(out, ')');
        } else if (option->argument) {
            gt_buf_printf(out, ":%s:%s", option->argument,
                          option->type == GT_OPTION_PATH ? "_files" : "");
        }
        gt_buf_add_byte(out, '\'');
    }
    gt_buf_lit(out, " \\\n                '*:file:_files'\n");
}

void gt_help_zsh(gt_buf *out)
{
    gt_buf_lit(out, "#compdef gatetrail\n# made by 'gatetrail help --completion zsh'\n"
                    "_gatetrail() {\n    local command=$words[2]\n    case $words[2] in\n");
    gt_str last = GT_STR_NULL;
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_str word, rest = gt_str_cut(gt_str_c(gt_commands[i].name), ' ', &word);
        if (!rest.len || gt_str_eq(word, last))
            continue;
        last = word;
        gt_buf_printf(out, "        %.*s)\n            if (( CURRENT == 3 )); then\n"
                      "                compadd --", GT_STR_ARG(word));
        command_words(out, word);
        gt_buf_lit(out, "\n                return\n            fi\n"
                        "            command=\"$words[2] $words[3]\" ;;\n");
    }
    gt_buf_lit(out, "    esac\n    if (( CURRENT == 2 )); then\n        local -a names\n"
                    "        names=(\n");
    last = GT_STR_NULL;
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_str word, rest = gt_str_cut(gt_str_c(gt_commands[i].name), ' ', &word);
        if (gt_str_eq(word, last))
            continue;
        last = word;
        gt_buf_printf(out, "            '%.*s:", GT_STR_ARG(word));
        zsh_text(out, rest.len ? "a group of commands" : gt_commands[i].summary);
        gt_buf_lit(out, "'\n");
    }
    gt_buf_lit(out, "        )\n        _describe command names\n        return\n    fi\n"
                    "    case $command in\n");
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_buf_printf(out, "        '%s')\n            _arguments -s", gt_commands[i].name);
        zsh_options(out, &gt_commands[i]);
        gt_buf_lit(out, "            ;;\n");
    }
    gt_buf_lit(out, "    esac\n}\n_gatetrail \"$@\"\n");
}
