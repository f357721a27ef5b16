// The kernels of each instruction set, and the best that this processor has.
#pragma once

#include <cstdint>

#include "layers.hpp"
#include "scan.hpp"

namespace native {

// `scratch` is aligned to 64 bytes and has the size that scan.hpp says.
struct Kernels {
  const char* name;
  void (*scan)(const Forward&, int64_t item, int64_t group, float* scratch);
  void (*scan_backward)(const Backward&, int64_t part, int64_t group, float* scratch);
  LayerKernels layers;
};

const Kernels& kernels();

}  // namespace native
