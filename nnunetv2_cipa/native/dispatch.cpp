#include <cstdlib>
#include <cstring>

#include "instruction_sets.hpp"

extern const native::Kernels native_kernels_baseline;
#if defined(__x86_64__)
extern const native::Kernels native_kernels_avx2;
extern const native::Kernels native_kernels_avx512;
#endif

namespace native {
namespace {

const Kernels& best_kernels() {
#if defined(__x86_64__)
  const char* wish = std::getenv("NNUNETV2_CIPA_ISA");  // to test the others
  const auto allowed = [wish](const char* name) { return wish == nullptr || std::strcmp(wish, name) == 0; };
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx512 && allowed("avx512")) return native_kernels_avx512;
  if (avx2 && allowed("avx2")) return native_kernels_avx2;
#endif
  return native_kernels_baseline;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& best = best_kernels();
  return best;
}

}  // namespace native
