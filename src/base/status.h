/* status.h — how every fallible function answers.
 * GT_OK is 0. A function returning gt_status writes its ret_ parameters only on GT_OK and its
 * reterr_ parameters only on failure. Library code never prints and never exits. */
#ifndef GT_BASE_STATUS_H
#define GT_BASE_STATUS_H

#define GT_STATUS_MAP(X)                                                                           \
    X(OK, "ok")                                                                                    \
    X(INVALID, "the input breaks a rule of its format; the diagnostics say which")                 \
    X(NOMEM, "out of memory")                                                                      \
    X(LIMIT, "a limit of limits.h was reached")                                                    \
    X(RETRY, "failed for now; the same call may succeed later")                                    \
    X(IO, "reading or writing failed; errno or the message says why")                              \
    X(CORRUPT, "stored data is damaged")                                                           \
    X(NOTFOUND, "no such thing")                                                                   \
    X(END, "nothing is left; not an error")

typedef enum gt_status {
#define GT_STATUS_ENUM(name, text) GT_##name,
    GT_STATUS_MAP(GT_STATUS_ENUM)
#undef GT_STATUS_ENUM
} gt_status;

#define GT_MUST_CHECK __attribute__((warn_unused_result))
#define GT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Forward a failure unchanged. Only for calls whose failure needs no words of its own. */
#define GT_TRY(call)                                                                               \
    do {                                                                                           \
        gt_status gt_try_status_ = (call);                                                         \
        if (gt_try_status_ != GT_OK)                                                               \
            return gt_try_status_;                                                                 \
    } while (0)

/* The lower-case text of a status; never NULL. */
const char *gt_status_text(gt_status status);

/* A programmer's error: always on, prints the place and aborts. Data never reaches it. */
#define gt_assert(cond) ((cond) ? (void)0 : gt_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void gt_assert_failed(const char *cond, const char *file, int line);

#endif
