// Work shared among threads, unit by unit, in whatever order they come free.
#pragma once

#include <cstdint>

namespace native {

// Calls run(context, unit, scratch) for each unit below `units`, on `threads` threads; each thread has its own
// `scratch_floats` floats, aligned to 64 bytes. Returns false if memory ran out: then not all units were run.
bool for_each_unit(int64_t threads, int64_t units, int64_t scratch_floats,
                   void (*run)(const void* context, int64_t unit, float* scratch), const void* context);

template <class Body>
bool for_each_unit(int64_t threads, int64_t units, int64_t scratch_floats, const Body& body) {
  const auto run = [](const void* context, int64_t unit, float* scratch) {
    (*static_cast<const Body*>(context))(unit, scratch);
  };
  return for_each_unit(threads, units, scratch_floats, +run, &body);
}

}  // namespace native
