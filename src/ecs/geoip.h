/* geoip.h — city and autonomous system of an address, out of MMDB files: MaxMind's nested keys, or
 * the flat ones of ip-location-db. The files are mapped into memory and shared by threads. */
#ifndef GT_ECS_GEOIP_H
#define GT_ECS_GEOIP_H

#include "base/ip.h"
#include "ecs/fragment.h"

/* Either path may be NULL. GT_IO or GT_CORRUPT with a message. */
gt_status gt_geoip_open(const char *city, const char *asn, gt_arena *arena, gt_geoip **ret,
                        gt_str *reterr_message) GT_MUST_CHECK;
void gt_geoip_close(gt_geoip *geoip);
/* Fill the fragment with source.geo.* and source.as.*: what the files have, nothing for addresses
 * that they do not know or damaged entries. Texts live in scratch or in the files. */
gt_status gt_geoip_find(const gt_geoip *geoip, const gt_ip *ip, gt_arena *scratch, fragment *ret)
    GT_MUST_CHECK;

#endif
