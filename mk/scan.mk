# The instruction sets of the structural scan: a file each, chosen at run time (src/json/scan.c).
# -O3 here only: the pass is one long straight line that gains from it.
CFLAGS_json_scan_scalar := -O3
CFLAGS_json_scan_sse2 := -O3
CFLAGS_json_scan_avx2 := -O3 -mavx2 -mbmi -mbmi2 -mpclmul
CFLAGS_json_scan_avx512 := $(CFLAGS_json_scan_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vbmi2 -mvpclmulqdq

# The writer, the parser and the mapping of a record to ECS: as a whole 3 % quicker so.
CFLAGS_json_parse := -O3
CFLAGS_json_write := -O3
$(foreach f,doc entity jstr map names slots,$(eval CFLAGS_ecs_$(f) := -O3))
