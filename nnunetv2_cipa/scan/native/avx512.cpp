#include "problem.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx2,fma")
#endif

#define SCAN_NAMESPACE avx512
#define SCAN_WIDTH 16
#include "kernels.hpp"

extern const scan::Kernels scan_kernels_avx512 = {"avx512", scan::avx512::forward, scan::avx512::backward};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
