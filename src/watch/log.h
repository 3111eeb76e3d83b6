/* log.h — what the engine says while it runs: one JSON object a line, or a line for people.
 * Used from any thread. Values are escaped; secrets are never given to it. */
#ifndef GT_WATCH_LOG_H
#define GT_WATCH_LOG_H

#include "base/str.h"
#include "base/timeutil.h"

typedef enum gt_log_level { GT_LOG_DEBUG, GT_LOG_INFO, GT_LOG_WARN, GT_LOG_ERROR } gt_log_level;

typedef struct gt_log_field {
    const char *key;
    gt_str text;     /* ptr NULL: number */
    int64_t number;
} gt_log_field;

typedef struct gt_log {
    void *ctx;
    void (*write)(void *ctx, gt_log_level level, const char *message, const gt_log_field *fields,
                  size_t count);
} gt_log;

/* gt_log_say(&log, GT_LOG_INFO, "started", GT_LOG_TEXT("source", name), GT_LOG_NUMBER("n", 3)); */
#define GT_LOG_TEXT(name, value) {.key = (name), .text = (value)}
#define GT_LOG_NUMBER(name, value) {.key = (name), .number = (int64_t)(value)}
#define gt_log_say(log, level, message, ...)                                                       \
    gt_log_fields((log), (level), (message), (const gt_log_field[]){__VA_ARGS__},                  \
                  sizeof((const gt_log_field[]){__VA_ARGS__}) / sizeof(gt_log_field))
static inline void gt_log_fields(const gt_log *log, gt_log_level level, const char *message,
                                 const gt_log_field *fields, size_t count)
{
    if (log->write)
        log->write(log->ctx, level, message, fields, count);
}

/* A gt_log that writes to a file descriptor; text: for people. least: what is below is left out.
 * The struct must outlive the log. */
typedef struct gt_log_file {
    int fd;
    bool text;
    gt_log_level least;
    gt_time_ms (*now)(void *ctx);
    void *now_ctx;
} gt_log_file;
gt_log gt_log_to_file(gt_log_file *file);

#endif
