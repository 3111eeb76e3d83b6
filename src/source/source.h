/* source.h — where bytes come from: an input is one file (or stdin) with what its name tells.
 * Paths are expanded once, before anything is read; the list is immutable afterwards and shared by
 * threads. */
#ifndef GT_SOURCE_SOURCE_H
#define GT_SOURCE_SOURCE_H

#include "base/arena.h"
#include "base/timeutil.h"

/* What the S3 key layout AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE, or AWS's name of
 * the file (ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHMMZ_x.json.gz), says about the records inside.
 * Only `sure` facts prune: both places agree, or one of them is complete and the other absent. */
typedef struct gt_input_key {
    bool sure;
    gt_str account;    /* 12 digits */
    gt_str region;     /* "us-east-1" */
    gt_time_ms begin;  /* the key's day, or the minute in the file's name */
    gt_time_ms end;    /* exclusive: begin + a day, or begin + a minute */
} gt_input_key;

typedef struct gt_input {
    gt_str name; /* as printed: the path as given or found, "-" for stdin; NUL-terminated */
    uint64_t size; /* bytes on disk; 0 for stdin and what has no size */
    gt_input_key key;
    const char *problem; /* why it cannot be read, when that is known already (else NULL) */
} gt_input;

/* Which files to leave out by their key. Zero: none. */
typedef struct gt_input_filter {
    bool has_since, has_until;
    gt_time_ms since; /* inclusive */
    gt_time_ms until; /* exclusive */
    const gt_str *accounts;
    size_t account_count;
    const gt_str *regions;
    size_t region_count;
} gt_input_filter;

typedef struct gt_inputs {
    gt_input *items;
    size_t count;
    uint64_t bytes;  /* sum of the sizes */
    size_t pruned;   /* files left out by the filter */
    size_t ignored;  /* files of a folder that hold no log: no known name and no known beginning */
} gt_inputs;

/* Expand paths: files as given, folders recursively in byte order of the paths, "-" for stdin.
 * Explicitly named files are always inputs (pruned by the filter only); what cannot be opened stays
 * in the list with its `problem`, so that it is reported in its place. In folders, names that begin
 * with '.' are left out. A file of a folder is a log when its name ends in .json, .ndjson, .jsonl,
 * .log, .gz or .zst, or when it begins like one (gzip, zstd, '{', '[', an RFC 3339 time).
 * The list lives in `arena`. filter may be NULL. Returns GT_OK, GT_NOMEM, GT_LIMIT (the arena). */
gt_status gt_inputs_expand(gt_arena *arena, const gt_str *paths, size_t path_count,
                           const gt_input_filter *filter, gt_inputs *ret) GT_MUST_CHECK;

/* The key facts of one path or S3 key; used for S3 sources too. */
gt_input_key gt_input_key_parse(gt_str path);
/* May records inside pass the filter? Never false within GT_LATE_DELIVERY_MS of a bound. */
bool gt_input_key_passes(const gt_input_key *key, const gt_input_filter *filter);

#endif
