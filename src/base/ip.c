#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>

/* inet_pton is strict in both families in glibc: no leading zeros past one digit are accepted in
 * dotted quads, no zone, no prefix. */
bool gt_ip_parse(gt_str text, gt_ip *ret)
{
    char z[GT_IP_TEXT_MAX];
    gt_ip ip = {{0}, false};
    if (text.len == 0 || text.len >= sizeof z || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(z, text.ptr, text.len);
    z[text.len] = '\0';
    if (memchr(z, ':', text.len)) {
        ip.v6 = true;
        if (inet_pton(AF_INET6, z, ip.bytes) != 1)
            return false;
    } else if (inet_pton(AF_INET, z, ip.bytes + 12) != 1) {
        return false;
    }
    *ret = ip;
    return true;
}

gt_str gt_ip_format(const gt_ip *ip, char out[GT_IP_TEXT_MAX])
{
    const void *from = ip->v6 ? ip->bytes : ip->bytes + 12;
    if (!inet_ntop(ip->v6 ? AF_INET6 : AF_INET, from, out, GT_IP_TEXT_MAX))
        out[0] = '\0';
    return gt_str_c(out);
}

static void mask(gt_ip *ip, unsigned len)
{
    unsigned bits = len + (ip->v6 ? 0 : 96);
    for (unsigned i = 0; i < 16; i++) {
        if (bits >= i * 8 + 8)
            continue;
        unsigned keep = bits > i * 8 ? bits - i * 8 : 0;
        ip->bytes[i] &= (uint8_t)(0xFF00u >> keep);
    }
}

bool gt_cidr_parse(gt_str text, gt_cidr *ret)
{
    gt_str address, rest = gt_str_cut(text, '/', &address);
    gt_cidr cidr = {0};
    if (!gt_ip_parse(address, &cidr.net))
        return false;
    uint64_t len = cidr.net.v6 ? 128 : 32;
    if (address.len != text.len) {
        uint64_t given;
        if (rest.len > 3 || (rest.len > 1 && rest.ptr[0] == '0') || !gt_str_to_u64(rest, &given) ||
            given > len)
            return false;
        len = given;
    }
    mask(&cidr.net, (unsigned)len);
    cidr.len = (uint8_t)len;
    *ret = cidr;
    return true;
}

gt_str gt_cidr_format(const gt_cidr *cidr, char out[GT_IP_TEXT_MAX])
{
    gt_str ip = gt_ip_format(&cidr->net, out);
    int n = snprintf(out + ip.len, GT_IP_TEXT_MAX - ip.len, "/%u", cidr->len);
    return (gt_str){out, ip.len + (size_t)(n > 0 ? n : 0)};
}

bool gt_cidr_contains(const gt_cidr *cidr, const gt_ip *ip)
{
    if (cidr->net.v6 != ip->v6)
        return false;
    gt_ip copy = *ip;
    mask(&copy, cidr->len);
    return memcmp(copy.bytes, cidr->net.bytes, sizeof copy.bytes) == 0;
}

int gt_ip_cmp(const gt_ip *a, const gt_ip *b)
{
    if (a->v6 != b->v6)
        return a->v6 ? 1 : -1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}
