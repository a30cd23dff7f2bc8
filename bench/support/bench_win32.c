/* What benchmarks ask of Windows. */
#include <windows.h>

#include "bench.h"

int64_t bench_now(void) {
    LARGE_INTEGER now;
    LARGE_INTEGER frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (int64_t)((double)now.QuadPart * 1e9 / (double)frequency.QuadPart);
}

void bench_pin(int processor) {
    DWORD_PTR all = 0;
    DWORD_PTR system = 0;
    GetProcessAffinityMask(GetCurrentProcess(), &all, &system);
    SetThreadAffinityMask(GetCurrentThread(), processor < 0 ? all : (DWORD_PTR)1 << processor);
}

void bench_relax(void) {
    YieldProcessor();
}
