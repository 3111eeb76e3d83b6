/* coverage.c — the compiler's coverage callback for programs that do not follow coverage. */
void __sanitizer_cov_trace_pc(void);
__attribute__((weak)) void __sanitizer_cov_trace_pc(void)
{
}
