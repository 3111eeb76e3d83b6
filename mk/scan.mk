# The instruction sets of the structural scan: a file each, chosen at run time (src/json/scan.c).
# -O3 here only: the pass is one long straight line that gains from it.
CFLAGS_json_scan_scalar := -O3
CFLAGS_json_scan_sse2 := -O3
CFLAGS_json_scan_avx2 := -O3 -mavx2 -mbmi -mbmi2 -mpclmul
CFLAGS_json_scan_avx512 := $(CFLAGS_json_scan_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vbmi2 -mvpclmulqdq
