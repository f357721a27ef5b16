#include "parallel.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace native {
namespace {

using Parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);

// A child made by fork has none of its parent's OpenMP threads, and libgomp would wait for them.
std::atomic<bool> forked{false};
const int fork_watch = pthread_atfork(nullptr, nullptr, [] { forked = true; });

// The pool that torch runs its own operators on, if it is an OpenMP one: using it means no second set of threads.
Parallel torch_pool() {
  static const Parallel pool = reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  return fork_watch == 0 && !forked ? pool : nullptr;
}

// Numbers below 1e-38 count as zero while a unit runs: some processors take a hundred times longer with them.
class FlushTiny {
 public:
#if defined(__SSE__)
  FlushTiny() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushTiny() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#else
  FlushTiny() {}
#endif
};

struct Job {
  void (*run)(const void*, int64_t, float*);
  const void* context;
  int64_t units, scratch_floats;
  std::atomic<int64_t> next{0};
  std::atomic<bool> complete{true};

  void work() {
    float* scratch = nullptr;
    if (scratch_floats > 0) {
      const size_t bytes = (static_cast<size_t>(scratch_floats) * sizeof(float) + 63) / 64 * 64;
      scratch = static_cast<float*>(std::aligned_alloc(64, bytes));
      if (scratch == nullptr) {
        complete = false;
        return;
      }
    }
    const FlushTiny flush;
    for (int64_t unit = next++; unit < units; unit = next++) run(context, unit, scratch);
    std::free(scratch);
  }
};

void work_on(void* job) { static_cast<Job*>(job)->work(); }

void run_on_own_threads(Job& job, int64_t threads) {
  std::vector<std::thread> helpers;
  try {
    for (int64_t i = 1; i < threads; ++i) helpers.emplace_back(work_on, &job);
  } catch (const std::system_error&) {  // no more threads to be had: fewer do the work
  }
  job.work();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace

bool for_each_unit(int64_t threads, int64_t units, int64_t scratch_floats,
                   void (*run)(const void*, int64_t, float*), const void* context) {
  Job job;
  job.run = run;
  job.context = context;
  job.units = units;
  job.scratch_floats = scratch_floats;
  const int64_t useful = threads < units ? threads : units;
  if (useful <= 1) {
    job.work();
  } else if (const Parallel pool = torch_pool()) {
    pool(work_on, &job, static_cast<unsigned>(useful), 0);
  } else {
    run_on_own_threads(job, useful);
  }
  return job.complete;
}

}  // namespace native
