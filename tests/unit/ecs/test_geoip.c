/* Addresses: MaxMind's test databases, broken files among them, and a database with
 * ip-location-db's flat keys that is written here. */
#include "ecs_test.h"

#include "ecs/geoip.h"

#include <unistd.h>

#define MMDB "build/testdata/mmdb/"
#define CITY MMDB "GeoIP2-City-Test.mmdb"
#define ASN MMDB "GeoLite2-ASN-Test.mmdb"

#define NEEDS_MMDB()                                                                               \
    do {                                                                                           \
        if (access(CITY, R_OK) != 0) {                                                             \
            print_message("# SKIP %s is absent: tests/data-fetch.sh gets it\n", CITY);             \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static void map_address(bench *b, const char *ip)
{
    gt_str text = gt_arena_printf(b->arena, "{\"sourceIPAddress\":\"%s\"}", ip);
    bench_map(b, text.ptr);
}

static void maxmind(void **state)
{
    (void)state;
    NEEDS_MMDB();
    bench b = bench_open(&(gt_ecs_options){.geoip_city = CITY, .geoip_asn = ASN});
    for (int twice = 0; twice < 2; twice++) { /* looked up, then out of the cache */
        map_address(&b, "89.160.20.128");
        expect(&b, "source.geo.city_name", "\"Linköping\"");
        expect(&b, "source.geo.location", "{\"lat\":58.4167,\"lon\":15.6167}");
        expect(&b, "source.as", "{\"number\":29518,\"organization\":{\"name\":\"Bredband2 AB\"}}");
        map_address(&b, "2.125.160.216"); /* two subdivisions: the more exact one counts */
        expect(&b, "source.geo.region_iso_code", "\"GB-WBK\"");
        map_address(&b, "2001:218::1");
        expect(&b, "source.geo.country_iso_code", "\"JP\"");
        map_address(&b, "10.0.0.1");
        absent(&b, "source.geo");
        absent(&b, "source.as");
        expect(&b, "source.ip", "\"10.0.0.1\"");
        map_address(&b, "signin.amazonaws.com");
        absent(&b, "source.geo");
    }
    bench_close(&b);
}

static void broken_files(void **state)
{
    (void)state;
    NEEDS_MMDB();
    static const char *const paths[] = {
        MMDB "GeoIP2-City-Test-Broken-Double-Format.mmdb",
        MMDB "GeoIP2-City-Test-Invalid-Node-Count.mmdb",
        MMDB "MaxMind-DB-test-broken-pointers-24.mmdb",
        MMDB "MaxMind-DB-test-broken-search-tree-24.mmdb",
        MMDB "MaxMind-DB-string-value-entries.mmdb",
        MMDB "MaxMind-DB-no-ipv4-search-tree.mmdb",
        MMDB "MaxMind-DB-test-decoder.mmdb",
        MMDB "GeoIP2-Domain-Test.mmdb",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        gt_arena *arena = gt_arena_new(GT_MIB);
        gt_ecs_tables *tables;
        gt_str why = GT_STR_NULL;
        gt_ecs_options options = {.geoip_city = paths[i], .geoip_asn = paths[i]};
        gt_status status = gt_ecs_tables_open(&options, arena, &tables, &why);
        if (status != GT_OK) {
            assert_int_equal(status, GT_CORRUPT);
            assert_true(gt_str_starts(why, gt_str_c(paths[i])));
        } else {
            gt_ecs_tables_close(tables);
            bench b = bench_open(&options);
            for (int n = 0; n < 256; n++) {
                map_address(&b, gt_arena_printf(b.arena, "%d.1.1.%d", n, n).ptr);
                expect(&b, "event.kind", "\"event\"");
            }
            map_address(&b, "::1.1.1.32");
            map_address(&b, "2001:218::1");
            bench_close(&b);
        }
        gt_arena_free(arena);
    }
}

static void absent_and_foreign_files(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_ecs_tables *tables;
    gt_str why = GT_STR_NULL;
    gt_ecs_options options = {.geoip_city = "build/nothing.mmdb"};
    assert_int_equal(gt_ecs_tables_open(&options, arena, &tables, &why), GT_IO);
    assert_true(gt_str_starts(why, GT_STR("build/nothing.mmdb: ")));
    options = (gt_ecs_options){.geoip_asn = "Makefile"};
    assert_int_equal(gt_ecs_tables_open(&options, arena, &tables, &why), GT_CORRUPT);
    options = (gt_ecs_options){.uap_core = "build/nothing.yaml"};
    assert_int_equal(gt_ecs_tables_open(&options, arena, &tables, &why), GT_IO);
    assert_true(gt_str_starts(why, GT_STR("build/nothing.yaml: ")));
    options = (gt_ecs_options){.uap_core = "Makefile"};
    assert_int_equal(gt_ecs_tables_open(&options, arena, &tables, &why), GT_INVALID);
    assert_true(gt_str_starts(why, GT_STR("Makefile: line ")));
    gt_arena_free(arena);
}

/* --- a small MMDB, by hand: one bit of tree, every IPv4 address has the same data ------------ */
static void put_control(gt_buf *out, unsigned type, unsigned size)
{
    if (type <= 7) {
        gt_buf_add_byte(out, (char)(type << 5 | size));
    } else {
        gt_buf_add_byte(out, (char)size);
        gt_buf_add_byte(out, (char)(type - 7));
    }
}

static void put_text(gt_buf *out, const char *text)
{
    put_control(out, 2, (unsigned)strlen(text));
    gt_buf_add(out, gt_str_c(text));
}

static void put_big_endian(gt_buf *out, uint64_t value, unsigned bytes)
{
    while (bytes--)
        gt_buf_add_byte(out, (char)(value >> (8 * bytes)));
}

static void put_float(gt_buf *out, const char *key, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_text(out, key);
    put_control(out, 15, 4);
    put_big_endian(out, bits, 4);
}

static void put_number(gt_buf *out, const char *key, unsigned type, uint64_t value, unsigned bytes)
{
    put_text(out, key);
    put_control(out, type, bytes);
    put_big_endian(out, value, bytes);
}

static void write_flat(const char *path)
{
    gt_buf out = GT_BUF(GT_MIB);
    /* The tree: one node, both records point at the first entry (nodes + 16 + 0). */
    put_big_endian(&out, 17, 3);
    put_big_endian(&out, 17, 3);
    for (int i = 0; i < 16; i++)
        gt_buf_add_byte(&out, 0);
    put_control(&out, 7, 5);
    put_text(&out, "city");
    put_text(&out, "Mountain View");
    put_text(&out, "country_code");
    put_text(&out, "US");
    put_float(&out, "latitude", 37.386F);
    put_float(&out, "longitude", -122.0838F);
    put_text(&out, "state1");
    put_text(&out, "California");
    gt_buf_lit(&out, "\xAB\xCD\xEFMaxMind.com");
    put_control(&out, 7, 9);
    put_text(&out, "languages");
    put_control(&out, 11, 0);
    put_text(&out, "description");
    put_control(&out, 7, 0);
    put_number(&out, "binary_format_major_version", 5, 2, 2);
    put_number(&out, "binary_format_minor_version", 5, 0, 2);
    put_number(&out, "build_epoch", 9, 1, 8);
    put_text(&out, "database_type");
    put_text(&out, "flat");
    put_number(&out, "ip_version", 5, 4, 2);
    put_number(&out, "node_count", 6, 1, 4);
    put_number(&out, "record_size", 5, 24, 2);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(out.data, 1, out.len, f), out.len);
    fclose(f);
    gt_buf_done(&out);
}

static void flat_keys(void **state)
{
    (void)state;
    char path[] = "/tmp/flat-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_flat(path);
    bench b = bench_open(&(gt_ecs_options){.geoip_city = path});
    map_address(&b, "198.51.100.7");
    expect(&b, "source.geo",
           "{\"country_iso_code\":\"US\",\"region_name\":\"California\","
           "\"city_name\":\"Mountain View\","
           "\"location\":{\"lat\":37.386,\"lon\":-122.0838}}");
    map_address(&b, "2001:db8::1"); /* the file has IPv4 only */
    absent(&b, "source.geo");
    bench_close(&b);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maxmind),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(absent_and_foreign_files),
        cmocka_unit_test(flat_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
