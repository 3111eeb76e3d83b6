/* limits.h — every limit on what others can make us do, with its reason.
 * A limit that is reached is told to the user (a diagnostic, a problem with its offset, GT_LIMIT);
 * nothing is cut in silence. */
#ifndef GT_BASE_LIMITS_H
#define GT_BASE_LIMITS_H

#include <stddef.h>

#define GT_KIB ((size_t)1 << 10)
#define GT_MIB ((size_t)1 << 20)
#define GT_GIB ((size_t)1 << 30)

/* JSON: CloudTrail nests about 12 deep; 512 keeps every recursive walk far from the stack's end. */
#define GT_JSON_DEPTH_MAX 512

/* Objects that one plan of wanted fields looks into: indices are 15 bits. */
#define GT_SCAN_NODES_MAX 32000

/* Skeletons of records a reader remembers, a cache line each (a busy organisation's trails make some
 * thousand): a quarter of a core's second-level cache. */
#define GT_SKELETONS_MAX 4096

/* One CloudTrail record. AWS caps a record at 256 KB (1 MB with enrichment); a SIEM's dump of one
 * may double it. */
#define GT_RECORD_BYTES_MAX (16 * GT_MIB)

/* A gzip member inflated whole in memory; larger ones are streamed. CloudTrail files are 1-5 MB. */
#define GT_INFLATE_WHOLE_MAX (32 * GT_MIB)

/* Compressed bytes held at once: a member that is not complete within them is streamed. */
#define GT_INFLATE_INPUT_MAX (16 * GT_MIB)
/* Bytes of a streamed input looked at in one go: they stay in a core's own cache. */
#define GT_STREAM_WINDOW (256 * GT_KIB)

/* Decompressed bytes of one input: 1000 times AWS's largest file; a bomb stops here. */
#define GT_DECOMPRESSED_MAX (64 * GT_GIB)
/* Output over input of one compressed stream, judged after the first GT_INFLATE_WHOLE_MAX bytes:
 * deflate cannot pass 1032. */
#define GT_INFLATE_RATIO_MAX 1100

/* Output of one worker that waits for its turn in the order of inputs; then the worker waits too. */
#define GT_PIPELINE_PENDING_MAX (48 * GT_MIB)

/* A plain file is read in parts of this size by several threads when it is twice as large: finding
 * where a part begins costs a thousandth of reading it, and what a part puts out, three times its size
 * at most where it is mapped, does not have to wait often (GT_PIPELINE_PENDING_MAX). */
#define GT_PIPELINE_UNIT_BYTES (4 * GT_MIB)

/* CloudTrail delivers late: a file is never left out by its key within this time of a bound. */
#define GT_LATE_DELIVERY_MS (24 * 3600 * 1000LL)
/* Nesting of folders: deeper is a loop of links. */
#define GT_FOLDER_DEPTH_MAX 64

/* A rule file; the largest of Elastic's is 30 KB, an NDJSON export of all of them 40 MB. */
#define GT_RULE_FILE_MAX (256 * GT_MIB)
/* Nesting of a query's brackets: the parser recurses. */
#define GT_QUERY_DEPTH_MAX 128
/* Bytes of one query's text. */
#define GT_QUERY_BYTES_MAX (1 * GT_MIB)
/* How long a call to a cluster is repeated while nodes are away or refuse: a node that restarts needs
 * half a minute. */
#define GT_CLUSTER_PATIENCE_MS 120000
/* Bytes of one request to or answer of a cluster: servers take 100 MB by default. */
#define GT_CLUSTER_BODY_MAX (256 * GT_MIB)
/* Shipping: more than two senders only queue in the server; 5 MB is what servers like best. */
#define GT_SHIP_SENDERS 2
#define GT_SHIP_BATCH_RECORDS 2000
#define GT_SHIP_BATCH_BYTES (5 * GT_MIB)
/* Searching: a slice is a thread and a request at a time. */
#define GT_SEARCH_SLICES_MAX 4
#define GT_SEARCH_PAGE 2000
/* Leaves of one Query DSL query: both servers refuse more than 1024 by default. */
#define GT_DSL_CLAUSES_MAX 1000
/* Values of one terms query: index.max_terms_count is 65536. */
#define GT_DSL_TERMS_MAX 65536
/* bool queries inside each other: OpenSearch's default is 20, Elasticsearch's 30. */
#define GT_DSL_DEPTH_MAX 16
/* Stars of one pattern: servers make an automaton of it and refuse large ones. */
#define GT_DSL_STARS_MAX 8
/* A dotted field name; Elasticsearch refuses far shorter ones (a Lucene term is 32766 bytes). Longer
 * names in a document are reachable by no field wildcard. */
#define GT_FIELD_NAME_MAX 4096
/* Texts worth looking for in a record's bytes: shorter ones are in every record. */
#define GT_QUERY_PART_MIN 4
/* Nesting of TOML values and dotted keys. */
#define GT_TOML_DEPTH_MAX 128

/* An alert's document: a record's ECS document may be some times its size, and the rule is in it. */
#define GT_ALERT_BYTES_MAX (128 * GT_MIB)

/* What a sink holds of one batch: the alerts and the request made of them. */
#define GT_SINK_ARENA_MAX (1 * GT_GIB)
/* Bytes of alerts sent at once; servers take 10 MB and more. */
#define GT_SINK_BATCH_BYTES (4 * GT_MIB)
/* A sink looks at its queue this often even when nobody wakes it: another process may have filled it. */
#define GT_SINK_LOOK_MS 5000

/* A configuration; a person writes it. */
#define GT_CONFIG_BYTES_MAX (4 * GT_MIB)
/* A secret in a file of its own; a certificate's chain is some KB. */
#define GT_SECRET_BYTES_MAX (64 * GT_KIB)

/* Diagnostics kept for one file; the rest is counted. */
#define GT_DIAGS_MAX 64

/* How long a writer waits for another one's transaction; filling commits several times a second. */
#define GT_STORE_BUSY_MS 10000

/* Events of one block of the store: enough for the compressor to see what repeats, few enough that
 * looking one event up inflates half a megabyte (0.2 ms) and no more. One record may be larger than
 * the byte target; it then has a block of its own. */
#define GT_EVENT_BLOCK_BYTES (512 * GT_KIB)
#define GT_EVENT_BLOCK_EVENTS 4096
/* Blocks between two commits of a fill: some 5 MB, so that a kill costs a moment's work and the
 * journal stays small. */
#define GT_FILLER_BLOCKS_COMMIT 64
/* A store of at most so many events is known by heart while it is filled: 32 bytes each. */
#define GT_FILLER_KNOWN_MAX 2000000
/* In a first fill, where a commit waits for the disk: some 40 MB. */
#define GT_FILLER_BLOCKS_COMMIT_FIRST 512
/* String values longer than this are not indexed: nobody looks a policy document up by its text. */
#define GT_EVENT_TERM_BYTES_MAX 512
/* A gzip member of at most this many bytes of text is a block as it is; who asks for one record of it
 * inflates all of it (some milliseconds). */
#define GT_EVENT_MEMBER_BYTES GT_INFLATE_WHOLE_MAX
/* Larger records are not decided by their columns: mapping them may need more memory than is allowed. */
#define GT_COLUMNS_RECORD_BYTES (1 * GT_MIB)
/* A segment of columns is written when it has so many events, or distinct values of so many bytes (each
 * worker holds one). */
#define GT_SEGMENT_EVENTS 65536
#define GT_SEGMENT_BYTES_MAX (16 * GT_MIB)

/* Arenas. A batch holds a record's tree, its document and its alerts: 16 MiB of JSON make a tree of
 * some 10 times that at worst. */
#define GT_BATCH_ARENA_MAX (512 * GT_MIB)
#define GT_RULES_ARENA_MAX (2 * GT_GIB)
#define GT_SCRATCH_ARENA_MAX (256 * GT_MIB)

/* HTTP. A whole exchange; SQS long polls take 20 s, an S3 object of some MB seconds. */
#define GT_HTTP_TIMEOUT_MS 60000
#define GT_HTTP_CONNECT_MS 10000
/* A body kept in memory: the largest answers we ask for are S3 objects (CloudTrail writes 1-5 MB)
 * and OpenSearch pages. */
#define GT_HTTP_RESPONSE_MAX (256 * GT_MIB)
/* Header lines of one response: servers allow 8-64 KiB. */
#define GT_HTTP_HEADERS_MAX (256 * GT_KIB)
/* Nesting of XML elements: AWS's answers are some 8 deep; the reader recurses. */
#define GT_XML_DEPTH_MAX 64
/* The shared configuration files of AWS tools, and a web identity token. */
#define GT_AWS_FILE_MAX (4 * GT_MIB)
/* Profiles that name each other as the source of their credentials. */
#define GT_AWS_PROFILE_HOPS 5

/* Output that waits for standard output: a result larger than this is written at once. */
#define GT_CLI_OUT_MAX (64 * GT_MIB)
/* Options, arguments and the list of input files of one run: millions of paths. */
#define GT_CLI_ARENA_MAX (1 * GT_GIB)
/* Problems printed one by one; the rest is counted there and listed in --summary. */
#define GT_CLI_PROBLEMS_MAX 100
/* --threads: more than any machine has processors, few enough to start. */
#define GT_THREADS_MAX 1024

/* ECS mapping: user agents and addresses whose fields a mapper keeps. A busy organisation has some
 * thousands of each; a log of random ones must not fill the memory. */
#define GT_ECS_CACHE_ENTRIES 8192
#define GT_ECS_CACHE_BYTES (32 * GT_MIB)
/* The file of user-agent expressions; Debian's has 200 KB. */
#define GT_ECS_UAP_FILE_MAX (8 * GT_MIB)
/* Steps that PCRE2 may take for one expression on one user agent, so that no text stalls us. */
#define GT_ECS_UAP_MATCH_LIMIT 200000

/* Sources that never end. What a feed keeps for itself: watched folders, prefixes, group state. */
#define GT_FEED_ARENA_MAX (64 * GT_MIB)
/* One delivery with its bytes: an S3 object as it lies there (CloudTrail writes 1-5 MB), or a run of
 * Kafka messages. */
#define GT_OBJECT_BYTES_MAX (256 * GT_MIB)
#define GT_DELIVERY_ARENA_MAX (GT_OBJECT_BYTES_MAX + 16 * GT_MIB)
/* Folders below a watched folder: inotify's default limit for a user is 8192 or more. */
#define GT_FOLDERS_MAX 100000
/* Nesting of folders: the walk recurses. */
#define GT_FOLDER_DEPTH_MAX 64
/* Security-group changes held at once: at some 150 bytes each, more than 50 million of them. */
#define GT_SG_HISTORY_MAX (8 * GT_GIB)
/* describe-security-groups of one account and region: some KB a group, thousands of groups. */
#define GT_SG_SNAPSHOT_MAX (256 * GT_MIB)


/* The engine that runs for ever. What waits between its threads, as bytes of deliveries: some seconds
 * of work, so that a flood waits at its source. */
#define GT_WATCH_QUEUE_BYTES (64 * GT_MIB)
/* Events whose second copies are known as such: 32 MiB of tables. CloudTrail's copies come within
 * minutes. */
#define GT_WATCH_REMEMBER 500000
/* A large input is stored in parts of so many records, or so many bytes of alerts. */
#define GT_WATCH_PART_RECORDS 65536
#define GT_WATCH_PART_BYTES (8 * GT_MIB)
/* Text of the alerts of one part: above the bound that ends a part, one record may add its own. */
#define GT_WATCH_PART_TEXT_MAX GT_GIB
/* A rule is called slow when one evaluation takes so long (a usual one takes microseconds), or all of
 * them in a minute a quarter of a processor. Nothing is cut off: it is only said. */
#define GT_WATCH_SLOW_EVALUATION_MS 100
#define GT_WATCH_SLOW_MINUTE_MS 15000
/* Parts of one transaction. */
#define GT_WATCH_BATCH_PARTS 512

/* Changes of security groups whose effects are kept while a transaction's records are judged, about
 * 150 bytes each. */
#define GT_WATCH_EFFECTS_MAX ((size_t)1 << 20)

#endif
