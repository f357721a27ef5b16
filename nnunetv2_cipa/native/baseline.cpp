#include "instruction_sets.hpp"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#define NATIVE_NAMESPACE baseline
#define NATIVE_WIDTH 4
#include "kernels.hpp"

extern const native::Kernels native_kernels_baseline = native::baseline::all_kernels("baseline");
