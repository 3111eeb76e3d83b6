/* file.h — small files whole (rules, configuration, lists), and the names in a folder.
 * Not for logs: those are streamed by source/. */
#ifndef GT_BASE_FILE_H
#define GT_BASE_FILE_H

#include "base/arena.h"

/* Read a regular file or a pipe of at most max_bytes into the arena.
 * GT_OK; GT_IO (errno says why); GT_LIMIT (larger, or the arena's cap); GT_NOMEM. */
gt_status gt_file_read(gt_arena *arena, gt_str path, size_t max_bytes, gt_str *ret) GT_MUST_CHECK;

typedef enum gt_file_kind { GT_FILE_REGULAR, GT_FILE_FOLDER, GT_FILE_OTHER } gt_file_kind;
/* What stands at path, links followed. GT_OK, GT_IO (errno), GT_NOMEM. */
gt_status gt_file_stat(gt_arena *arena, gt_str path, gt_file_kind *ret) GT_MUST_CHECK;

/* The names in a folder but "." and "..", in byte order. GT_OK, GT_IO (errno), GT_NOMEM, GT_LIMIT.
 */
gt_status gt_folder_list(gt_arena *arena, gt_str path, gt_str **ret,
                         size_t *ret_count) GT_MUST_CHECK;

/* folder + "/" + name; name alone when the folder is empty. ptr NULL without memory. */
gt_str gt_path_join(gt_arena *arena, gt_str folder, gt_str name);
/* What is before the last '/', or empty; and what is behind it. */
gt_str gt_path_folder(gt_str path);
gt_str gt_path_base(gt_str path);

#endif
