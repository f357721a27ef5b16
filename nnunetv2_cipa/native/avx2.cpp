#include "instruction_sets.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define NATIVE_NAMESPACE avx2
#define NATIVE_WIDTH 8
#include "kernels.hpp"

extern const native::Kernels native_kernels_avx2 = native::avx2::all_kernels("avx2");

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
