// The kernels of one instruction set. Included by one file per set, which has first included instruction_sets.hpp (so that its
// functions are compiled for the plain processor, wherever the linker takes them from), then chosen the target, then
// defined NATIVE_NAMESPACE and NATIVE_WIDTH. Nothing here uses the standard library, for the same reason.

namespace native {
namespace NATIVE_NAMESPACE {
namespace {

#include "vector.hpp"

#include "scan_recurrence.hpp"

#include "scan_forward.hpp"

#include "scan_backward.hpp"

#include "norm_layer.hpp"

#include "convolution_layer.hpp"

#include "head_layer.hpp"

constexpr Kernels all_kernels(const char* name) {
  return {name, forward, backward, {norm, norm_backward, convolution, convolution_backward, head, head_backward}};
}

}  // namespace
}  // namespace NATIVE_NAMESPACE
}  // namespace native
