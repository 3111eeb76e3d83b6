/* curl.h — libcurl, loaded when it is first used (base/lazy.h). A function that is called for the first
 * time gets a row in curl.def and a line below. */
#ifndef GT_NET_CURL_H
#define GT_NET_CURL_H

/* The quick type checks of curl.h are macros that would call past the table. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_getinfo
#undef curl_easy_setopt

typedef struct gt_curl_calls {
#define CALL(name) __typeof__(name) *name;
#include "net/curl.def"
#undef CALL
} gt_curl_calls;

const gt_curl_calls *gt_curl_calls_get(void);

#define curl_easy_cleanup gt_curl_calls_get()->curl_easy_cleanup
#define curl_easy_getinfo gt_curl_calls_get()->curl_easy_getinfo
#define curl_easy_init gt_curl_calls_get()->curl_easy_init
#define curl_easy_perform gt_curl_calls_get()->curl_easy_perform
#define curl_easy_reset gt_curl_calls_get()->curl_easy_reset
#define curl_easy_setopt gt_curl_calls_get()->curl_easy_setopt
#define curl_easy_strerror gt_curl_calls_get()->curl_easy_strerror
#define curl_global_cleanup gt_curl_calls_get()->curl_global_cleanup
#define curl_global_init gt_curl_calls_get()->curl_global_init
#define curl_slist_append gt_curl_calls_get()->curl_slist_append
#define curl_slist_free_all gt_curl_calls_get()->curl_slist_free_all

#endif
