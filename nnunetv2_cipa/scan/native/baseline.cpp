#include "problem.hpp"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#define SCAN_NAMESPACE baseline
#define SCAN_WIDTH 4
#include "kernels.hpp"

extern const scan::Kernels scan_kernels_baseline = {"baseline", scan::baseline::forward, scan::baseline::backward};
