#include "source/file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* How long an interrupt may wait for a silent pipe. */
#define INTERRUPT_POLL_MS 100

static const char *reason_of(int error)
{
    switch (error) {
    case ENOENT:
        return "no such file or folder";
    case EACCES:
    case EPERM:
        return "permission denied";
    case EISDIR:
        return "a folder";
    case ENOTDIR:
        return "a part of the path is no folder";
    case ELOOP:
        return "too many links";
    case EMFILE:
    case ENFILE:
        return "too many open files";
    case ENAMETOOLONG:
        return "the name is too long";
    case ENXIO:
        return "nobody writes to this pipe";
    default:
        return "cannot be opened";
    }
}

gt_status gt_source_file_open(const gt_input *input, gt_source_file *ret, const char **reterr_reason)
{
    struct stat st;
    if (input->problem) {
        *reterr_reason = input->problem;
        return GT_IO;
    }
    bool is_stdin = gt_str_is(input->name, "-");
    int fd = is_stdin ? STDIN_FILENO : open(input->name.ptr, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0 && input->size) { /* a file when the list was made; it may have grown */
        *ret = (gt_source_file){.fd = fd, .size = input->size};
        return GT_OK;
    }
    if (fd < 0 || fstat(fd, &st) != 0) {
        *reterr_reason = reason_of(errno);
        if (fd > STDIN_FILENO)
            close(fd);
        return GT_IO;
    }
    if (S_ISDIR(st.st_mode)) {
        *reterr_reason = reason_of(EISDIR);
        if (!is_stdin)
            close(fd);
        return GT_IO;
    }
    bool regular = S_ISREG(st.st_mode);
    *ret = (gt_source_file){
        .fd = fd, .size = regular ? (uint64_t)st.st_size : 0, .no_peek = !regular};
    return GT_OK;
}

void gt_source_file_close(gt_source_file *file)
{
    if (file->fd > STDIN_FILENO)
        close(file->fd);
    file->fd = -1;
}

/* Wait until a pipe or terminal has something; false when the run was interrupted meanwhile. The
 * signal may come to another thread, so that the read itself would not notice. */
static bool wait_readable(const gt_source_file *file)
{
    struct pollfd poll_fd = {.fd = file->fd, .events = POLLIN};
    while (file->interrupt && file->size == 0) {
        if (*file->interrupt)
            return false;
        if (poll(&poll_fd, 1, INTERRUPT_POLL_MS) != 0 && poll_fd.revents)
            break;
    }
    return true;
}

/* What is in memory comes without waiting; that it is not tells the caller to read ahead. */
static ssize_t read_from_memory(gt_source_file *file, char *to, size_t room)
{
    struct iovec piece = {to, room};
    ssize_t got = preadv2(file->fd, &piece, 1, -1, RWF_NOWAIT);
    if (got < 0 && errno == EAGAIN)
        file->waited = true;
    else if (got < 0 && errno != EINTR)
        file->no_peek = true;
    return got;
}

static ssize_t read_some(gt_source_file *file, char *to, size_t room)
{
    ssize_t got;
    if (!file->no_peek && (got = read_from_memory(file, to, room)) > 0)
        return got;
    do
        got = read(file->fd, to, room);
    while (got < 0 && errno == EINTR);
    return got;
}

gt_status gt_source_file_read(void *ctx, char *to, size_t room, size_t *ret_len)
{
    gt_source_file *file = ctx;
    size_t len = 0;
    ssize_t got = 0;
    *ret_len = 0;
    if (!wait_readable(file))
        return GT_OK;
    do {
        got = read_some(file, to + len, room - len);
        if (got > 0) {
            len += (size_t)got;
            file->pos += (size_t)got;
        }
    } while (got > 0 && len < room && file->pos < file->size);
    if (got < 0 && len == 0)
        return GT_IO;
    *ret_len = len;
    return GT_OK;
}

gt_status gt_source_file_seek(gt_source_file *file, uint64_t offset)
{
    if (lseek(file->fd, (off_t)offset, SEEK_SET) < 0)
        return GT_IO;
    file->pos = offset;
    return GT_OK;
}

void gt_source_file_prefetch(const gt_input *input)
{
    if (input->problem || gt_str_is(input->name, "-"))
        return;
    int fd = open(input->name.ptr, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    close(fd);
}
