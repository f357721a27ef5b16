// The C interface of the fused layers, called through ctypes. Each function returns 0, or 1 if memory ran out.
//
// Arrays are as layers.hpp says; `threads` may be used at most. The results are the same for any number of them.
#include "layers.hpp"

#include <algorithm>
#include <vector>

#include "instruction_sets.hpp"
#include "parallel.hpp"

#define NATIVE_EXPORT extern "C" __attribute__((visibility("default")))

namespace native {
namespace {

constexpr int64_t kShares = 32;         // into which a layer is divided, whatever the number of threads
constexpr int64_t kRowsInShare = 8;     // at least, where shares compute their neighbours' rows too
constexpr int64_t kPositionsInShare = 16;
constexpr int64_t kWorthThreads = 1 << 15;  // floats: to wake another thread for fewer takes longer than they do

int64_t shares_of(int64_t rows, int64_t at_least) { return std::clamp<int64_t>(rows / at_least, 1, kShares); }

int64_t useful_threads(int64_t threads, int64_t floats) { return floats < kWorthThreads ? 1 : threads; }

// Calls run(first, end, scratch) for each share of the rows.
template <class Run>
bool forward_in_shares(int64_t threads, int64_t rows, int64_t shares, int64_t scratch, const Run& run) {
  return for_each_unit(threads, shares, scratch, [&](int64_t share, float* memory) {
    run(first_of(rows, share, shares), first_of(rows, share + 1, shares), memory);
  });
}

// Calls run(first, end, sums, scratch) for each share of the rows, and adds the shares' `count` sums up in their order.
template <class Run>
bool backward_in_shares(int64_t threads, int64_t rows, int64_t shares, int64_t scratch, int64_t count, float* totals,
                        const Run& run) {
  std::vector<float> sums(static_cast<size_t>(shares * count), 0.0f);
  const bool complete = for_each_unit(threads, shares, scratch, [&](int64_t share, float* memory) {
    run(first_of(rows, share, shares), first_of(rows, share + 1, shares), sums.data() + share * count, memory);
  });
  std::copy(sums.begin(), sums.begin() + count, totals);
  for (int64_t share = 1; share < shares; ++share)
    for (int64_t i = 0; i < count; ++i) totals[i] += sums[static_cast<size_t>(share * count + i)];
  return complete;
}

// Weights of the neighbours -1, 0, 1 of each of 4 * size positions, when a line is doubled twice by bilinear
// interpolation that does not align corners: (4 * size, 3).
std::vector<float> quadrupling(int64_t size) {
  std::vector<float> weights(static_cast<size_t>(12 * size), 0.0f);
  const auto halfway = [](int64_t to, int64_t length, const auto& add) {  // two positions of a line and their weights
    const int64_t near = to / 2, far = to % 2 == 0 ? near - 1 : near + 1;
    add(near, 0.75f);
    add(std::clamp<int64_t>(far, 0, length - 1), 0.25f);
  };
  for (int64_t to = 0; to < 4 * size; ++to)
    halfway(to, 2 * size, [&](int64_t middle, float outer) {
      halfway(middle, size, [&](int64_t from, float inner) {
        weights[static_cast<size_t>(3 * to + from - to / 4 + 1)] += outer * inner;
      });
    });
  return weights;
}

void read(Norm& norm, const int64_t* sizes, float epsilon, const float* const* inputs, float* y) {
  norm = {sizes[0], sizes[1], epsilon, inputs[0], inputs[1], inputs[2], inputs[3], y};
}

void read(Convolution& layer, const int64_t* sizes, const float* const* inputs) {
  layer = {sizes[0], sizes[1], sizes[2], sizes[3], inputs[0], inputs[1], inputs[2], nullptr};
}

// The weights and tables that a head reads.
class HeadTables {
 public:
  HeadTables(Head& head, const int64_t* sizes, float epsilon, const float* const* inputs)
      : vertical_(quadrupling(sizes[1])), horizontal_(quadrupling(sizes[2])) {
    const int64_t channels = sizes[3], classes = sizes[4], padded = (channels + kBlock - 1) / kBlock * kBlock;
    weight_.assign(static_cast<size_t>(classes * padded), 0.0f);
    for (int64_t k = 0; k < classes; ++k)
      std::copy(inputs[1] + k * channels, inputs[1] + (k + 1) * channels, weight_.begin() + k * padded);
    head = {sizes[0],         sizes[1],           sizes[2],       channels,  classes, padded, epsilon, inputs[0],
            vertical_.data(), horizontal_.data(), weight_.data(), inputs[2], nullptr};
  }

 private:
  std::vector<float> vertical_, horizontal_, weight_;
};

}  // namespace
}  // namespace native

using namespace native;

// sizes: positions, channels, threads. inputs: x, gate (or null), weight, bias.
NATIVE_EXPORT int norm_forward(const int64_t* sizes, float epsilon, const float* const* inputs, float* y) {
  Norm f{};
  read(f, sizes, epsilon, inputs, y);
  const auto run = [&](int64_t first, int64_t end, float*) { kernels().layers.norm(f, first, end); };
  const int64_t threads = useful_threads(sizes[2], f.positions * f.channels);
  return forward_in_shares(threads, f.positions, shares_of(f.positions, kPositionsInShare), 0, run) ? 0 : 1;
}

// outputs: grad_x, grad_gate (or null), the output y once more (or null), and the gradients of weight and bias together.
NATIVE_EXPORT int norm_backward(const int64_t* sizes, float epsilon, const float* const* inputs, const float* grad_y,
                                float* const* outputs) {
  NormBackward f{};
  read(f, sizes, epsilon, inputs, outputs[2]);
  f.grad_y = grad_y;
  f.grad_x = outputs[0];
  f.grad_gate = outputs[1];
  const auto run = [&](int64_t first, int64_t end, float* sums, float* scratch) {
    kernels().layers.norm_backward(f, first, end, sums, scratch);
  };
  const int64_t threads = useful_threads(sizes[2], f.positions * f.channels), scratch = f.channels + kBlock;
  return backward_in_shares(threads, f.positions, shares_of(f.positions, kPositionsInShare), scratch, norm_sums(f),
                            outputs[3], run)
             ? 0
             : 1;
}

// sizes: batch, height, width, channels, threads. inputs: x, weight (9, channels), bias.
NATIVE_EXPORT int convolution_forward(const int64_t* sizes, const float* const* inputs, float* y) {
  Convolution f{};
  read(f, sizes, inputs);
  f.y = y;
  const auto run = [&](int64_t first, int64_t end, float* scratch) {
    kernels().layers.convolution(f, first, end, scratch);
  };
  const int64_t rows = f.batch * f.height, row = f.width * f.channels;
  return forward_in_shares(useful_threads(sizes[4], rows * row), rows, shares_of(rows, 1), row, run) ? 0 : 1;
}

// outputs: grad_x, and the gradients of weight and bias together.
NATIVE_EXPORT int convolution_backward(const int64_t* sizes, const float* const* inputs, const float* grad_y,
                                       float* const* outputs) {
  ConvolutionBackward f{};
  read(f, sizes, inputs);
  f.grad_y = grad_y;
  f.grad_x = outputs[0];
  const auto run = [&](int64_t first, int64_t end, float* sums, float* scratch) {
    kernels().layers.convolution_backward(f, first, end, sums, scratch);
  };
  const int64_t rows = f.batch * f.height, threads = useful_threads(sizes[4], rows * f.width * f.channels);
  return backward_in_shares(threads, rows, shares_of(rows, kRowsInShare), convolution_scratch(f), convolution_sums(f),
                            outputs[1], run)
             ? 0
             : 1;
}

// sizes: batch, height, width, channels, classes, threads. inputs: x, weight (classes, channels), bias (classes).
NATIVE_EXPORT int head_forward(const int64_t* sizes, float epsilon, const float* const* inputs, float* y) {
  Head f{};
  const HeadTables tables(f, sizes, epsilon, inputs);
  f.y = y;
  const auto run = [&](int64_t first, int64_t end, float* scratch) { kernels().layers.head(f, first, end, scratch); };
  const int64_t rows = f.batch * f.height;
  return forward_in_shares(sizes[5], rows, shares_of(rows, 1), head_scratch(f), run) ? 0 : 1;
}

// inputs: as for head_forward, then the means of the classes' weights.
// outputs: grad_x; and for each class the sums of its gradient times the normalised channels (to a multiple of 16) and
// of its gradient.
NATIVE_EXPORT int head_backward(const int64_t* sizes, float epsilon, const float* const* inputs, const float* grad_y,
                                float* const* outputs) {
  HeadBackward f{};
  const HeadTables tables(f, sizes, epsilon, inputs);
  f.mean_weight = inputs[3];
  f.grad_y = grad_y;
  f.grad_x = outputs[0];
  const auto run = [&](int64_t first, int64_t end, float* sums, float* scratch) {
    kernels().layers.head_backward(f, first, end, sums, scratch);
  };
  const int64_t rows = f.batch * f.height;
  return backward_in_shares(sizes[5], rows, shares_of(rows, kRowsInShare), head_scratch(f), head_sums(f), outputs[1],
                            run)
             ? 0
             : 1;
}
