#include <cstdlib>
#include <cstring>

#include "problem.hpp"

extern const scan::Kernels scan_kernels_baseline;
#if defined(__x86_64__)
extern const scan::Kernels scan_kernels_avx2;
extern const scan::Kernels scan_kernels_avx512;
#endif

namespace scan {
namespace {

const Kernels& best_kernels() {
#if defined(__x86_64__)
  const char* wish = std::getenv("NNUNETV2_CIPA_SCAN_ISA");  // to test the others
  const auto allowed = [wish](const char* name) { return wish == nullptr || std::strcmp(wish, name) == 0; };
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx512 && allowed("avx512")) return scan_kernels_avx512;
  if (avx2 && allowed("avx2")) return scan_kernels_avx2;
#endif
  return scan_kernels_baseline;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& best = best_kernels();
  return best;
}

}  // namespace scan
