/* Alerts as lines of a file.
 * Exactly once, kills included: the file's length is written down with what was sent (place). Lines
 * behind it were written but not written down: their alerts are not written again, and a last line
 * without an end is cut off. A lock keeps several writers of one file apart; a file that was moved
 * away (rotated) is opened anew. */
#include "base/limits.h"
#include "sink/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_LEN 64

typedef struct ndjson {
    int fd;
    bool regular;
    gt_arena *arena;
    char (*known)[ID_LEN]; /* ids of lines behind place when the file was opened; sorted */
    size_t known_count;
    bool checked;
} ndjson;

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, ID_LEN);
}

static void ndjson_close(gt_sink *sink)
{
    ndjson *n = sink->own;
    if (!n)
        return;
    if (n->fd >= 0)
        close(n->fd);
    gt_arena *arena = n->arena;
    sink->own = NULL;
    gt_arena_free(arena); /* n lives in it */
}

static gt_status ndjson_open(gt_sink *sink, gt_buf *reterr_message)
{
    gt_str path = gt_config_str(sink->section, GT_CONFIG_SINK_PATH);
    gt_arena *arena = gt_arena_new(GT_SINK_ARENA_MAX);
    ndjson *n = arena ? gt_arena_new_of(arena, ndjson) : NULL;
    struct stat st;
    if (!n) {
        gt_arena_free(arena);
        return GT_NOMEM;
    }
    n->arena = arena;
    sink->own = n;
    const char *name = gt_str_is(path, "-") ? "/dev/stdout" : path.ptr;
    n->fd = open(name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (n->fd < 0 && (errno == EACCES || errno == ENXIO || errno == EINVAL || errno == ESPIPE))
        n->fd = open(name, O_WRONLY | O_APPEND | O_CLOEXEC); /* a pipe, a terminal */
    if (n->fd < 0 || fstat(n->fd, &st) != 0) {
        gt_buf_printf(reterr_message, "%.*s: %s", GT_STR_ARG(path), strerror(errno));
        return GT_IO;
    }
    n->regular = S_ISREG(st.st_mode);
    return GT_OK;
}

/* --- what is there already -------------------------------------------------------------------- */

/* The id in an alert's line; ptr NULL when there is none. */
static gt_str line_id(gt_str line)
{
    gt_str key = GT_STR("\"kibana.alert.uuid\":\"");
    size_t at = gt_str_find(line, key);
    gt_str rest = at == GT_NPOS ? GT_STR_NULL : gt_str_from(line, at + key.len);
    return rest.len > ID_LEN && rest.ptr[ID_LEN] == '"' ? gt_str_head(rest, ID_LEN) : GT_STR_NULL;
}

static bool read_at(int fd, char *out, size_t len, off_t at)
{
    while (len) {
        ssize_t got = pread(fd, out, len, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        out += got;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

/* Learn the ids of whole lines in text; returns how much of it is whole lines. */
static size_t learn_lines(ndjson *n, gt_str text)
{
    size_t lines = 0, whole = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    n->known = gt_arena_alloc(n->arena, lines * ID_LEN + 1);
    for (gt_str rest = text, line; n->known && rest.ptr;) {
        rest = gt_str_cut(rest, '\n', &line);
        if (!rest.ptr) /* no line end behind it */
            break;
        whole += line.len + 1;
        gt_str id = line_id(line);
        if (id.ptr)
            memcpy(n->known[n->known_count++], id.ptr, ID_LEN);
    }
    if (n->known)
        qsort(n->known, n->known_count, ID_LEN, by_id);
    return whole;
}

/* Bring the file and what was written down together. The file is locked. */
static bool check_tail(gt_sink *sink, ndjson *n)
{
    struct stat st;
    if (!n->regular || n->checked)
        return true;
    if (fstat(n->fd, &st) != 0)
        return false;
    if (sink->place > st.st_size || sink->place < 0)
        sink->place = 0; /* another file */
    size_t len = (size_t)(st.st_size - sink->place);
    if (len > GT_SINK_ARENA_MAX / 4) { /* a file that was there before us: its end says enough */
        sink->place = st.st_size - (off_t)(GT_SINK_ARENA_MAX / 4);
        len = GT_SINK_ARENA_MAX / 4;
    }
    char *text = gt_arena_alloc(n->arena, len + 1);
    if (!text || !read_at(n->fd, text, len, sink->place))
        return false;
    size_t whole = learn_lines(n, (gt_str){text, len});
    if (!n->known || (whole < len && ftruncate(n->fd, sink->place + (off_t)whole) != 0))
        return false;
    n->checked = true;
    return true;
}

/* Is the open file still the one of that name? */
static bool still_there(const gt_sink *sink, const ndjson *n)
{
    struct stat open_file, named;
    if (!n->regular)
        return true;
    gt_str path = gt_config_str(sink->section, GT_CONFIG_SINK_PATH);
    return fstat(n->fd, &open_file) == 0 && stat(path.ptr, &named) == 0 &&
           open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool write_all(int fd, gt_str text)
{
    while (text.len) {
        ssize_t put = write(fd, text.ptr, text.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        text = gt_str_from(text, (size_t)put);
    }
    return true;
}

static bool is_known(const ndjson *n, gt_str id)
{
    return id.len == ID_LEN && n->known_count &&
           bsearch(id.ptr, n->known, n->known_count, ID_LEN, by_id) != NULL;
}

/* Append the lines in one piece and make them durable; what a full disk left of them is cut off. */
static bool append(gt_sink *sink, ndjson *n, gt_str lines)
{
    struct stat before, after;
    if (n->regular && fstat(n->fd, &before) != 0)
        return false;
    if (!write_all(n->fd, lines) || (n->regular && fdatasync(n->fd) != 0)) {
        int saved = errno;
        if (n->regular && ftruncate(n->fd, before.st_size) != 0)
            n->checked = false; /* look again before the next line */
        errno = saved;
        return false;
    }
    if (n->regular && fstat(n->fd, &after) == 0)
        sink->place = after.st_size;
    return true;
}

static bool send_locked(gt_sink *sink, ndjson *n, const gt_sink_item *items, size_t count)
{
    gt_buf lines = GT_BUF(GT_SINK_ARENA_MAX);
    bool good = check_tail(sink, n);
    for (size_t i = 0; i < count && good; i++) {
        if (is_known(n, items[i].row->id))
            continue;
        gt_buf_add(&lines, items[i].row->text);
        gt_buf_add_byte(&lines, '\n');
    }
    if (gt_buf_status(&lines) != GT_OK) {
        errno = ENOMEM;
        good = false;
    }
    good = good && append(sink, n, gt_buf_str(&lines));
    gt_buf_done(&lines);
    return good;
}

static void ndjson_send(gt_sink *sink, gt_arena *batch, gt_sink_item *items, size_t count)
{
    ndjson *n = sink->own;
    gt_buf message = GT_BUF(4096);
    if (!still_there(sink, n)) {
        ndjson_close(sink);
        sink->place = 0;
        if (ndjson_open(sink, &message) != GT_OK) {
            gt_sink_answer_all(items, count, GT_SINK_RETRY,
                               gt_arena_dup(batch, gt_buf_str(&message)));
            gt_buf_done(&message);
            return;
        }
        n = sink->own;
    }
    gt_buf_done(&message);
    bool good = !n->regular || flock(n->fd, LOCK_EX) == 0;
    good = good && send_locked(sink, n, items, count);
    gt_str why = good ? GT_STR_NULL : gt_str_c(strerror(errno));
    if (n->regular)
        flock(n->fd, LOCK_UN);
    gt_sink_answer_all(items, count, good ? GT_SINK_OK : GT_SINK_RETRY, gt_arena_dup(batch, why));
}

const gt_sink_ops gt_sink_ndjson = {"ndjson", 0, ndjson_open, ndjson_send, ndjson_close};
