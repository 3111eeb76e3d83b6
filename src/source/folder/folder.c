/* folder — files that appear below a folder.
 *
 * Method: inotify tells at once of files that were closed after writing or renamed into place; a walk
 * over the whole tree, at the start, every poll_ms and whenever the kernel's queue overflowed, finds
 * what it could not tell (network file systems, a race with a new sub-folder). What was read is
 * remembered as path, inode, size and change time: a file that grew or was replaced is read again,
 * and the copies of its events are recognised as such. */
#include "source/feed.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "source/inflight.h"
#include "store/feeds.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS_DEFAULT 60000
/* A file that a walk finds and that changed this recently may still be written to: inotify will say
 * when it is closed, and another walk comes soon in case it was closed before we looked. */
#define YOUNG_MS 2000
/* How often what is gone is forgotten, and how much of it at once. */
#define FORGET_EVERY_MS (24 * 3600 * (int64_t)1000)
#define FORGET_MAX 10000
#define FILE_EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO)
#define FOLDER_EVENTS (IN_CREATE | IN_ONLYDIR | IN_EXCL_UNLINK)

typedef struct watched {
    int wd;
    char *path;
} watched;

typedef struct folder {
    int inotify;
    gt_store *store; /* of the thread that calls next */
    gt_inflight *out;
    watched *folders;
    size_t folder_count, folder_cap;
    char **ready; /* paths to look at, from ready_first on */
    size_t ready_first, ready_count, ready_cap;
    gt_time_ms next_forget;
    gt_time_ms next_walk; /* by the clock of feed->config.env */
    atomic_bool again; /* something was put back: walk soon */
} folder;

/* What a delivery of ours is. */
typedef struct file_own {
    gt_str path;
    gt_str mark;
    gt_str out; /* path and mark: a later state of the same file may be out beside it */
} file_own;

/* --- lists ---------------------------------------------------------------------------------------- */

static char *copy_text(gt_str text)
{
    char *copy = gt_malloc(text.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static gt_status ready_push(folder *f, gt_str path)
{
    if (f->ready_first && f->ready_first == f->ready_count)
        f->ready_first = f->ready_count = 0;
    if (f->ready_count == f->ready_cap) {
        size_t cap = f->ready_cap ? f->ready_cap * 2 : 64;
        char **more = gt_realloc(f->ready, cap * sizeof *more);
        if (!more)
            return GT_NOMEM;
        f->ready = more;
        f->ready_cap = cap;
    }
    char *copy = copy_text(path);
    if (!copy)
        return GT_NOMEM;
    f->ready[f->ready_count++] = copy;
    return GT_OK;
}

static const watched *find_watched(const folder *f, int wd)
{
    for (size_t i = 0; i < f->folder_count; i++) {
        if (f->folders[i].wd == wd)
            return &f->folders[i];
    }
    return NULL;
}

/* inotify gives the same number for the same folder, so this may be repeated. */
static gt_status watch_folder(gt_feed *feed, folder *f, gt_str path)
{
    if (f->inotify < 0)
        return GT_OK;
    int wd = inotify_add_watch(f->inotify, path.ptr, FILE_EVENTS | FOLDER_EVENTS);
    if (wd < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            gt_feed_note(feed, "%s: inotify: %s; looking every %lld s instead", path.ptr,
                         strerror(errno), (long long)(feed->config.poll_ms / 1000));
        return GT_OK;
    }
    for (size_t i = 0; i < f->folder_count; i++) {
        if (f->folders[i].wd != wd)
            continue;
        if (gt_str_eq(gt_str_c(f->folders[i].path), path))
            return GT_OK;
        char *renamed = copy_text(path);
        if (!renamed)
            return GT_NOMEM;
        gt_free(f->folders[i].path);
        f->folders[i].path = renamed;
        return GT_OK;
    }
    if (f->folder_count == GT_FOLDERS_MAX)
        return GT_LIMIT;
    if (f->folder_count == f->folder_cap) {
        size_t cap = f->folder_cap ? f->folder_cap * 2 : 16;
        watched *more = gt_realloc(f->folders, cap * sizeof *more);
        if (!more)
            return GT_NOMEM;
        f->folders = more;
        f->folder_cap = cap;
    }
    char *copy = copy_text(path);
    if (!copy)
        return GT_NOMEM;
    f->folders[f->folder_count++] = (watched){wd, copy};
    return GT_OK;
}

static void unwatch(folder *f, int wd)
{
    for (size_t i = 0; i < f->folder_count; i++) {
        if (f->folders[i].wd == wd) {
            gt_free(f->folders[i].path);
            f->folders[i] = f->folders[--f->folder_count];
            return;
        }
    }
}

/* --- walking -------------------------------------------------------------------------------------- */

static gt_time_ms stat_ms(struct timespec t)
{
    return (gt_time_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_young(const gt_feed *feed, const struct stat *st)
{
    int64_t age = gt_feed_now(feed) - stat_ms(st->st_mtim);
    return age >= 0 && age < YOUNG_MS;
}

static gt_str mark_of(gt_arena *arena, const struct stat *st)
{
    return gt_arena_printf(arena, "%llu:%lld:%lld.%09ld", (unsigned long long)st->st_ino,
                           (long long)st->st_size, (long long)st->st_mtim.tv_sec,
                           st->st_mtim.tv_nsec);
}

/* Queue the path unless exactly this state of it was read. */
static gt_status consider(gt_feed *feed, folder *f, gt_arena *scratch, gt_str path,
                          const struct stat *st)
{
    gt_str mark = mark_of(scratch, st);
    bool seen = false;
    if (!mark.ptr)
        return GT_NOMEM;
    GT_TRY(gt_feeds_seen_has(f->store, feed->config.name, path, mark, &seen));
    return seen ? GT_OK : ready_push(f, path);
}

typedef struct walk {
    gt_feed *feed;
    folder *f;
    bool young; /* met a file that may still be written to */
} walk;

static gt_status walk_folder(walk *w, gt_str path, unsigned depth)
{
    if (depth > GT_FOLDER_DEPTH_MAX)
        return GT_OK;
    GT_TRY(watch_folder(w->feed, w->f, path)); /* before listing: what comes meanwhile is told */
    gt_arena *scratch = gt_arena_new(GT_FEED_ARENA_MAX);
    if (!scratch)
        return GT_NOMEM;
    gt_str *names = NULL;
    size_t count = 0;
    gt_status status = gt_folder_list(scratch, path, &names, &count);
    for (size_t i = 0; status == GT_OK && i < count; i++) {
        gt_str full = gt_path_join(scratch, path, names[i]);
        struct stat st;
        if (!full.ptr) {
            status = GT_NOMEM;
        } else if (names[i].ptr[0] == '.' || stat(full.ptr, &st) != 0) {
            continue;
        } else if (S_ISDIR(st.st_mode)) {
            status = walk_folder(w, full, depth + 1);
            if (status == GT_IO)
                status = GT_OK; /* gone meanwhile, or not ours to read: said in health */
        } else if (S_ISREG(st.st_mode) && gt_feed_name_is_log(full)) {
            if (is_young(w->feed, &st))
                w->young = true;
            else
                status = consider(w->feed, w->f, scratch, full, &st);
        }
    }
    if (status == GT_IO)
        gt_feed_note(w->feed, "%s: %s", path.ptr, strerror(errno));
    gt_arena_free(scratch);
    return status;
}

static bool is_gone(gt_str path)
{
    struct stat st;
    return stat(path.ptr, &st) != 0 && errno == ENOENT;
}

/* An empty folder may be a file system that is not mounted just now. */
static bool is_empty(gt_str path)
{
    gt_arena *scratch = gt_arena_new(GT_FEED_ARENA_MAX);
    gt_str *names = NULL;
    size_t count = 0;
    gt_status status = scratch ? gt_folder_list(scratch, path, &names, &count) : GT_NOMEM;
    gt_arena_free(scratch);
    return status != GT_OK || !count;
}

/* Files that were taken away need not be remembered. Not being able to forget does no harm. */
static void forget_gone(gt_feed *feed, folder *f)
{
    gt_time_ms now = gt_feed_now(feed);
    size_t count = 0;
    if (now < f->next_forget || is_empty(feed->config.path))
        return;
    gt_status status =
        gt_feeds_seen_forget(f->store, feed->config.name, is_gone, FORGET_MAX, &count);
    f->next_forget = now + (status == GT_OK && count == FORGET_MAX ? feed->config.poll_ms
                                                                  : FORGET_EVERY_MS);
}

static gt_status walk_all(gt_feed *feed, folder *f)
{
    walk w = {feed, f, false};
    gt_feed_note(feed, NULL);
    forget_gone(feed, f);
    gt_status status = walk_folder(&w, feed->config.path, 0);
    int64_t wait = w.young ? YOUNG_MS : feed->config.poll_ms;
    f->next_walk = gt_feed_now(feed) + (status == GT_OK ? wait : 1000);
    if (status == GT_RETRY || status == GT_CORRUPT)
        gt_feed_note(feed, "%.*s", GT_STR_ARG(gt_store_message(f->store)));
    return status == GT_IO ? GT_RETRY : status;
}

/* --- inotify -------------------------------------------------------------------------------------- */

static gt_status on_event(folder *f, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        f->next_walk = 0;
        return GT_OK;
    }
    if (event->mask & IN_IGNORED) {
        unwatch(f, event->wd);
        return GT_OK;
    }
    const watched *in = find_watched(f, event->wd);
    if (!in || !event->len)
        return GT_OK;
    if (event->mask & IN_ISDIR) {
        /* A folder that came: it may hold files and folders already. */
        if (event->mask & (IN_CREATE | IN_MOVED_TO))
            f->next_walk = 0;
        return GT_OK;
    }
    gt_str name = gt_str_c(event->name);
    if (!(event->mask & FILE_EVENTS) || !gt_feed_name_is_log(name))
        return GT_OK;
    gt_arena *scratch = gt_arena_new(GT_MIB);
    gt_str path = scratch ? gt_path_join(scratch, gt_str_c(in->path), name) : GT_STR_NULL;
    gt_status status = path.ptr ? ready_push(f, path) : GT_NOMEM;
    gt_arena_free(scratch);
    return status;
}

static gt_status read_events(gt_feed *feed, folder *f, int64_t wait_ms)
{
    if (f->inotify < 0) {
        const gt_net_env *env = feed->config.env;
        env->sleep(env->ctx, wait_ms);
        return GT_OK;
    }
    struct pollfd p = {.fd = f->inotify, .events = POLLIN};
    if (poll(&p, 1, (int)wait_ms) <= 0)
        return GT_OK;
    _Alignas(struct inotify_event) char buffer[64 * 1024];
    ssize_t got = read(f->inotify, buffer, sizeof buffer);
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const void *)(buffer + at);
        GT_TRY(on_event(f, event));
        at += (ssize_t)(sizeof *event + event->len);
    }
    return GT_OK;
}

/* --- the feed ------------------------------------------------------------------------------------- */

static void folder_close(gt_feed *feed)
{
    folder *f = feed->own;
    if (!f)
        return;
    if (f->inotify >= 0)
        close(f->inotify);
    for (size_t i = 0; i < f->folder_count; i++)
        gt_free(f->folders[i].path);
    for (size_t i = f->ready_first; i < f->ready_count; i++)
        gt_free(f->ready[i]);
    gt_free(f->folders);
    gt_free(f->ready);
    gt_inflight_free(f->out);
    gt_store_close(f->store);
}

static gt_status folder_open(const gt_feed_config *config, gt_feed *feed)
{
    folder *f = gt_arena_new_of(feed->arena, folder);
    feed->own = f;
    if (!f)
        return GT_NOMEM;
    f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    f->out = gt_inflight_new();
    if (!f->out)
        return GT_NOMEM;
    struct stat st;
    bool there = stat(config->path.ptr, &st) == 0;
    if (!there || !S_ISDIR(st.st_mode)) {
        gt_feed_note(feed, "%s: %s", config->path.ptr, there ? "not a folder" : strerror(errno));
        return GT_IO;
    }
    if (feed->config.poll_ms <= 0)
        feed->config.poll_ms = POLL_MS_DEFAULT;
    gt_str why = GT_STR("");
    gt_status status = gt_store_open(config->store_path, NULL, feed->arena, &f->store, &why);
    if (status != GT_OK)
        gt_feed_note(feed, "%.*s", GT_STR_ARG(why));
    return status;
}

/* A delivery of the path as it is now; GT_END when there is nothing to do. */
static gt_status deliver(gt_feed *feed, folder *f, gt_str path, gt_delivery **ret)
{
    struct stat st;
    if (stat(path.ptr, &st) != 0 || !S_ISREG(st.st_mode))
        return GT_END; /* gone: nothing to read */
    gt_delivery *d = gt_delivery_new(1, sizeof(file_own));
    if (!d)
        return GT_NOMEM;
    file_own *own = d->own;
    own->path = gt_arena_dup(d->arena, path);
    own->mark = mark_of(d->arena, &st);
    own->out = gt_arena_printf(d->arena, "%s\n%s", own->path.ptr, own->mark.ptr);
    gt_piece *piece = &d->pieces[d->count++];
    gt_time_ms modified = stat_ms(st.st_mtim), changed = stat_ms(st.st_ctim);
    *piece = (gt_piece){.name = own->path, .path = own->path.ptr,
                        .arrived = changed > modified ? changed : modified};
    d->bytes = (size_t)st.st_size;
    bool seen = false;
    gt_status status = gt_arena_status(d->arena);
    if (status == GT_OK)
        status = gt_feeds_seen_has(f->store, feed->config.name, own->path, own->mark, &seen);
    if (status == GT_OK)
        status = seen ? GT_END : gt_inflight_add(f->out, own->out);
    if (status == GT_OK) {
        *ret = d;
        return GT_OK;
    }
    if (status != GT_END)
        gt_feed_note(feed, "%.*s", GT_STR_ARG(gt_store_message(f->store)));
    gt_delivery_free(d);
    return status;
}

static gt_status folder_next(gt_feed *feed, int64_t wait_ms, gt_delivery **ret)
{
    folder *f = feed->own;
    if (atomic_exchange(&f->again, false) && f->next_walk > gt_feed_now(feed) + YOUNG_MS)
        f->next_walk = gt_feed_now(feed) + YOUNG_MS;
    if (gt_feed_now(feed) >= f->next_walk)
        GT_TRY(walk_all(feed, f));
    GT_TRY(read_events(feed, f, f->ready_first < f->ready_count ? 0 : wait_ms));
    while (f->ready_first < f->ready_count) {
        char *path = f->ready[f->ready_first];
        gt_status status = deliver(feed, f, gt_str_c(path), ret);
        if (status == GT_RETRY)
            return status;
        f->ready_first++;
        gt_free(path);
        if (status != GT_END)
            return status;
    }
    return GT_END;
}

static gt_status folder_save(gt_feed *feed, gt_store *store, const gt_delivery *delivery)
{
    const file_own *own = delivery->own;
    return gt_feeds_seen_put(store, feed->config.name, own->path, own->mark, gt_feed_now(feed));
}

static void folder_commit(gt_feed *feed, gt_delivery *delivery)
{
    folder *f = feed->own;
    gt_inflight_remove(f->out, ((file_own *)delivery->own)->out);
    gt_delivery_free(delivery);
}

static void folder_put_back(gt_feed *feed, gt_delivery *delivery, const char *reason)
{
    (void)reason; /* the engine says it */
    folder *f = feed->own;
    folder_commit(feed, delivery);
    atomic_store(&f->again, true);
}

const gt_feed_ops gt_feed_folder = {.type = "folder", .open = folder_open, .next = folder_next,
                                    .save = folder_save, .commit = folder_commit,
                                    .put_back = folder_put_back, .close = folder_close};
