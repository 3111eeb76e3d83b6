/* lazy.h — shared libraries that are loaded when they are first used. libcurl, librdkafka and
 * libmicrohttpd bring some thirty others with them, whose loading takes longer than everything else that
 * a command does before its work; most commands never talk to anybody.
 *
 * For each such library a header of its own (net/curl.h, net/kafka.h, net/microhttpd.h) takes the place of
 * the library's: it has a table of the functions we call, and their names stand for the table's. */
#ifndef GT_BASE_LAZY_H
#define GT_BASE_LAZY_H

#include <stddef.h>

/* Fill functions[i] with the address of names[i] in the library of this soname. As with a library that a
 * program is linked with, one that is not there ends the program. */
void gt_lazy_load(const char *soname, const char *const *names, size_t count, void **functions);

#endif
