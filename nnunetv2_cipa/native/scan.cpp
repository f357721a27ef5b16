// The C interface that Python calls through ctypes.
//
// sizes: batch, height, width, channels, states, directions, rank, x_position, delta_position, delta_direction,
//        B_position, B_direction, C_position, C_direction (see scan.hpp), softplus (0 or 1), threads.
// inputs: x, delta, A, B, C, D, delta_bias, delta_weight (directions, channels, rank); the last is null for rank 0.
// Both functions return 0, or 1 if memory ran out.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "parallel.hpp"
#include "instruction_sets.hpp"

#define NATIVE_EXPORT extern "C" __attribute__((visibility("default")))

namespace native {
namespace {

// Shares of the backward pass, whatever the number of threads; what the blocks of a group share is read once for them.
constexpr int64_t kShares = 64, kUnits = 16, kBlocksInGroup = 3;

class Floats {
 public:
  explicit Floats(int64_t count)
      : memory_(std::aligned_alloc(64, (static_cast<size_t>(count) * sizeof(float) + 64) / 64 * 64), &std::free) {}
  float* get() const { return static_cast<float*>(memory_.get()); }

 private:
  std::unique_ptr<void, decltype(&std::free)> memory_;
};

Problem read(const int64_t* sizes, const float* const* inputs) {
  Problem problem{};
  problem.batch = sizes[0];
  problem.height = sizes[1];
  problem.width = sizes[2];
  problem.channels = sizes[3];
  problem.states = sizes[4];
  problem.directions = sizes[5];
  problem.rank = sizes[6];
  problem.x_position = sizes[7];
  problem.delta_position = sizes[8];
  problem.delta_direction = sizes[9];
  problem.B_position = sizes[10];
  problem.B_direction = sizes[11];
  problem.C_position = sizes[12];
  problem.C_direction = sizes[13];
  problem.softplus = sizes[14] != 0;
  problem.length = problem.height * problem.width;
  problem.blocks = (problem.channels + kBlock - 1) / kBlock;
  problem.x = inputs[0];
  problem.delta = inputs[1];
  problem.B = inputs[3];
  problem.C = inputs[4];
  return problem;
}

int64_t packed_floats(const Problem& problem) {
  return problem.directions * problem.blocks * (problem.states + problem.rank + 2) * kBlock;
}

// Lays A, delta_weight, D and delta_bias out in blocks of channels, in `to`.
bool pack(Problem& problem, const float* const* inputs, int64_t threads, float* to) {
  const float *A = inputs[2], *D = inputs[5], *bias = inputs[6], *weight = inputs[7];
  const int64_t packs = problem.directions * problem.blocks, states = problem.states, rank = problem.rank;
  float* rates = to + packs * states * kBlock;
  float* skip = rates + packs * rank * kBlock;
  float* offset = skip + packs * kBlock;
  problem.decay = to;
  problem.weight = rates;
  problem.skip = skip;
  problem.bias = offset;
  const auto pack_block = [=, &problem](int64_t index, float*) {
    const int64_t direction = index / problem.blocks, block = index % problem.blocks;
    for (int64_t lane = 0; lane < kBlock; ++lane) {
      const int64_t channel = block * kBlock + lane, at = direction * problem.channels + channel;
      const bool inside = channel < problem.channels;
      for (int64_t n = 0; n < states; ++n)
        to[(index * states + n) * kBlock + lane] = inside ? A[at * states + n] * 1.4426950408889634f : 0.0f;
      for (int64_t r = 0; r < rank; ++r)
        rates[(index * rank + r) * kBlock + lane] = inside ? weight[at * rank + r] : 0.0f;
      skip[index * kBlock + lane] = inside ? D[at] : 0.0f;
      offset[index * kBlock + lane] = inside ? bias[at] : 0.0f;
    }
  };
  return for_each_unit(packs * (states + rank) < 4096 ? 1 : threads, packs, 0, pack_block);
}

// Adds the parts of the batch, in order, to one direction's gradients of A, D, delta_bias and delta_weight.
void add_parts(const Backward& b, int64_t block, float* const* gradients) {
  const int64_t rows = weight_rows(b);
  for (int64_t row = 0; row < rows; ++row) {
    float total[kBlock] = {};
    for (int64_t part = 0; part < b.parts; ++part)
      for (int64_t lane = 0; lane < kBlock; ++lane)
        total[lane] += b.grad_weights[((part * b.blocks + block) * rows + row) * kBlock + lane];
    const int64_t rank = row - b.states - 2;
    for (int64_t lane = 0; lane < kBlock && block * kBlock + lane < b.channels; ++lane) {
      const int64_t at = b.direction * b.channels + block * kBlock + lane;
      if (row < b.states) {
        gradients[2][at * b.states + row] = total[lane];
      } else if (rank < 0) {
        gradients[rank == -2 ? 5 : 6][at] = total[lane];
      } else {
        gradients[7][at * b.rank + rank] = total[lane];
      }
    }
  }
}

// Adds the groups of channels, in order, to one direction's gradient of B, C or the ranks of delta.
void add_groups(const Backward& b, const Sums& sums, int64_t first, int64_t last, float* gradient) {
  const int64_t width = sums.position_step;
  for (int64_t p = first; p < last; ++p) {
    float* to = gradient + (p * b.directions + b.direction) * width;
    for (int64_t n = 0; n < width; ++n) to[n] = sums.to[p * width + n];
    for (int64_t group = 1; group < b.groups; ++group)
      for (int64_t n = 0; n < width; ++n) to[n] += sums.to[group * sums.group_step + p * width + n];
  }
}

// The groups' sums of `width` floats for each position: in `partial`, or of a single group where they belong.
Sums sums_of(const Backward& b, int64_t width, float* gradient, float*& partial) {
  if (b.groups == 1) return {gradient + b.direction * width, 0, b.directions * width};
  const Sums sums{partial, b.batch * b.length * width, width};
  partial += b.groups * sums.group_step;
  return sums;
}

bool backward_direction(Backward b, int64_t threads, float* partial, float* const* gradients) {
  b.grad_B = sums_of(b, b.states, gradients[3], partial);
  b.grad_C = sums_of(b, b.states, gradients[4], partial);
  b.grad_ranks = sums_of(b, b.rank, gradients[1], partial);
  const Kernels& best = kernels();
  const auto scan_unit = [&](int64_t unit, float* scratch) {
    best.scan_backward(b, unit / b.groups, unit % b.groups, scratch);
  };
  if (!for_each_unit(threads, b.parts * b.groups, backward_scratch(b), scan_unit)) return false;

  for (int64_t block = 0; block < b.blocks; ++block) add_parts(b, block, gradients);
  if (b.groups == 1) return true;
  const auto add_share = [&](int64_t share, float*) {
    const int64_t positions = b.batch * b.length;
    const int64_t first = first_of(positions, share, kShares);
    const int64_t last = first_of(positions, share + 1, kShares);
    add_groups(b, b.grad_B, first, last, gradients[3]);
    add_groups(b, b.grad_C, first, last, gradients[4]);
    add_groups(b, b.grad_ranks, first, last, gradients[1]);
  };
  return for_each_unit(threads, kShares, 0, add_share);
}

bool run_forward(const int64_t* sizes, const float* const* inputs, float* y, float* checkpoints) {
  Forward f{read(sizes, inputs), y, checkpoints};
  const int64_t threads = sizes[15];
  f.groups = std::clamp<int64_t>(2 * threads / std::max<int64_t>(f.batch, 1), 1, f.blocks);  // two units to a thread
  const Floats packed(packed_floats(f));
  if (packed.get() == nullptr || !pack(f, inputs, threads, packed.get())) return false;
  const Kernels& best = kernels();
  const auto scan_unit = [&](int64_t unit, float* scratch) {
    best.scan(f, unit / f.groups, unit % f.groups, scratch);
  };
  return for_each_unit(threads, f.batch * f.groups, forward_scratch(f), scan_unit);
}

bool run_backward(const int64_t* sizes, const float* const* inputs, const float* checkpoints, const float* grad_y,
                  float* const* gradients) {
  Backward b{};
  static_cast<Problem&>(b) = read(sizes, inputs);
  const int64_t threads = sizes[15];
  b.checkpoints = checkpoints;
  b.grad_y = grad_y;
  b.grad_x = gradients[0];
  b.grad_delta = gradients[1];
  b.parts = std::min(b.batch, kShares);
  b.groups = std::clamp<int64_t>(kUnits / b.parts, 1, std::max<int64_t>(b.blocks / kBlocksInGroup, 1));
  const int64_t sums = b.groups == 1 ? 0 : b.groups * b.batch * b.length * (2 * b.states + b.rank);
  const Floats packed(packed_floats(b)), partial(sums), weights(b.parts * b.blocks * weight_rows(b) * kBlock);
  if (packed.get() == nullptr || partial.get() == nullptr || weights.get() == nullptr) return false;
  b.grad_weights = weights.get();
  if (!pack(b, inputs, threads, packed.get())) return false;
  for (b.direction = 0; b.direction < b.directions; ++b.direction)
    if (!backward_direction(b, threads, partial.get(), gradients)) return false;
  return true;
}

}  // namespace
}  // namespace native

NATIVE_EXPORT const char* native_instruction_set() { return native::kernels().name; }

// Channels to a block and steps to a chunk, which say how large the checkpoints are.
NATIVE_EXPORT int64_t scan_block() { return native::kBlock; }
NATIVE_EXPORT int64_t scan_chunk() { return native::kChunk; }

// checkpoints: to be filled for the backward pass, see scan.hpp; or null.
NATIVE_EXPORT int scan_forward(const int64_t* sizes, const float* const* inputs, float* y, float* checkpoints) {
  return native::run_forward(sizes, inputs, y, checkpoints) ? 0 : 1;
}

// gradients: of x, delta, A, B, C, D, delta_bias and, if there is a rank, delta_weight; all contiguous, B's and C's (batch,
// height, width, directions, states), and delta's with a rank (batch, height, width, directions, rank).
NATIVE_EXPORT int scan_backward(const int64_t* sizes, const float* const* inputs, const float* checkpoints,
                              const float* grad_y, float* const* gradients) {
  return native::run_backward(sizes, inputs, checkpoints, grad_y, gradients) ? 0 : 1;
}
