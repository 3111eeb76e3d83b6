#include "watch/log.h"

#include "base/buf.h"
#include "base/limits.h"
#include "json/json.h"

#include <errno.h>
#include <unistd.h>

static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

/* One write: lines of several threads do not mix. A log that cannot be written is no reason to stop. */
static void write_all(int fd, gt_str line)
{
    while (line.len) {
        ssize_t n = write(fd, line.ptr, line.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        line = gt_str_from(line, (size_t)n);
    }
}

static void write_json(gt_buf *out, gt_str time, gt_log_level level, const char *message,
                       const gt_log_field *fields, size_t count)
{
    gt_buf_printf(out, "{\"time\":\"%.*s\",\"level\":\"%s\",\"message\":", GT_STR_ARG(time),
                  LEVELS[level]);
    gt_json_write_str(out, gt_str_c(message));
    for (size_t i = 0; i < count; i++) {
        gt_buf_printf(out, ",\"%s\":", fields[i].key);
        if (fields[i].text.ptr)
            gt_json_write_str(out, fields[i].text);
        else
            gt_buf_printf(out, "%lld", (long long)fields[i].number);
    }
    gt_buf_lit(out, "}\n");
}

static void write_text(gt_buf *out, gt_str time, gt_log_level level, const char *message,
                       const gt_log_field *fields, size_t count)
{
    gt_buf_printf(out, "%.*s %-5s %s", GT_STR_ARG(time), LEVELS[level], message);
    for (size_t i = 0; i < count; i++) {
        gt_buf_printf(out, " %s=", fields[i].key);
        if (fields[i].text.ptr)
            gt_json_write_str(out, fields[i].text); /* quoted and escaped */
        else
            gt_buf_printf(out, "%lld", (long long)fields[i].number);
    }
    gt_buf_lit(out, "\n");
}

static void file_write(void *ctx, gt_log_level level, const char *message,
                       const gt_log_field *fields, size_t count)
{
    const gt_log_file *file = ctx;
    if (level < file->least)
        return;
    char text[GT_TIME_TEXT_MAX];
    gt_str time = gt_time_format(file->now(file->now_ctx), text);
    gt_buf line = GT_BUF(64 * GT_KIB);
    if (file->text)
        write_text(&line, time, level, message, fields, count);
    else
        write_json(&line, time, level, message, fields, count);
    if (gt_buf_status(&line) == GT_OK)
        write_all(file->fd, gt_buf_str(&line));
    gt_buf_done(&line);
}

gt_log gt_log_to_file(gt_log_file *file)
{
    return (gt_log){file, file_write};
}
