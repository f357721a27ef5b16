#include "instruction_sets.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx2,fma")
#endif

#define NATIVE_NAMESPACE avx512
#define NATIVE_WIDTH 16
#include "kernels.hpp"

extern const native::Kernels native_kernels_avx512 = native::avx512::all_kernels("avx512");

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
