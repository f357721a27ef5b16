#include "problem.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define SCAN_NAMESPACE avx2
#define SCAN_WIDTH 8
#include "kernels.hpp"

extern const scan::Kernels scan_kernels_avx2 = {"avx2", scan::avx2::forward, scan::avx2::backward};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
