/* ip.h — IPv4 and IPv6 addresses and prefixes as 128-bit numbers.
 * An IPv4 address keeps its family: 1.2.3.4 is not ::ffff:1.2.3.4 here. */
#ifndef GT_BASE_IP_H
#define GT_BASE_IP_H

#include "base/str.h"

typedef struct gt_ip {
    uint8_t bytes[16]; /* network order; IPv4 in the last four, zeros before */
    bool v6;
} gt_ip;

typedef struct gt_cidr {
    gt_ip net;   /* host bits are zero */
    uint8_t len; /* 0-32 or 0-128 */
} gt_cidr;

#define GT_IP_TEXT_MAX 48

/* Strict: dotted quad of four decimal bytes without leading zeros, or RFC 4291 text without zone and
 * prefix. */
bool gt_ip_parse(gt_str text, gt_ip *ret);
/* Lower-case RFC 5952 text into out. */
gt_str gt_ip_format(const gt_ip *ip, char out[GT_IP_TEXT_MAX]);

/* "10.0.0.1/8" (host bits are cleared) or a bare address (a full-length prefix). */
bool gt_cidr_parse(gt_str text, gt_cidr *ret);
/* "10.0.0.0/8" into out. */
gt_str gt_cidr_format(const gt_cidr *cidr, char out[GT_IP_TEXT_MAX]);
bool gt_cidr_contains(const gt_cidr *cidr, const gt_ip *ip);

/* IPv4 before IPv6, then by value. */
int gt_ip_cmp(const gt_ip *a, const gt_ip *b);

#endif
