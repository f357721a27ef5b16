// The kernels of one instruction set. Included by one file per set, which has first included problem.hpp (so that its
// functions are compiled for the plain processor, wherever the linker takes them from), then chosen the target, then
// defined SCAN_NAMESPACE and SCAN_WIDTH. Nothing here uses the standard library, for the same reason.

namespace scan {
namespace SCAN_NAMESPACE {
namespace {

#include "vector.hpp"

#include "recurrence.hpp"

#include "forward.hpp"

#include "backward.hpp"

}  // namespace
}  // namespace SCAN_NAMESPACE
}  // namespace scan
