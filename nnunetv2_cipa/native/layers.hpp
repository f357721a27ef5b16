// What the fused layers are given and what they fill: plain data, shared by every instruction set.
//
// Arrays are float32 without gaps, channels last: element (p, c) of an array of positions lies at p * channels + c.
#pragma once

#include <cstdint>

namespace native {

// y = norm(x) * weight + bias, and with a gate that times gate * sigmoid(gate).
struct Norm {
  int64_t positions, channels;
  float epsilon;
  const float *x, *gate, *weight, *bias;  // gate: or null
  float* y;                               // in the backward pass: the layer's output once more, or null
};

struct NormBackward : Norm {
  const float* grad_y;
  float *grad_x, *grad_gate;
};

inline int64_t norm_sums(const Norm& norm) { return 2 * norm.channels; }  // of grad_weight, then of grad_bias

// y = v * sigmoid(v), v the convolution of each channel with its own 3x3 weights, 0 outside of the map.
struct Convolution {
  int64_t batch, height, width, channels;
  const float *x, *weight, *bias;  // weight: (9, channels)
  float* y;
};

struct ConvolutionBackward : Convolution {
  const float* grad_y;
  float* grad_x;
};

constexpr int64_t kTaps = 9;

inline int64_t convolution_sums(const Convolution& layer) { return (kTaps + 1) * layer.channels; }

// Three rows of gradients, and one of zeros that stands for what is outside of the map.
inline int64_t convolution_scratch(const Convolution& layer) { return 4 * layer.width * layer.channels; }

// Logits on four times as fine a grid: two bilinear doublings, a norm, one product with the classes' weights.
struct Head {
  int64_t batch, height, width, channels, classes;
  int64_t padded;  // channels, rounded up to whole registers
  float epsilon;
  const float* x;                      // (batch, height, width, channels)
  const float *vertical, *horizontal;  // (4 * height, 3), (4 * width, 3): weights of the neighbours -1, 0, 1
  const float *weight, *bias;          // (classes, padded): the norm's weight times the class's; (classes)
  float* y;                            // (batch, classes, 4 * height, 4 * width)
};

struct HeadBackward : Head {
  const float* mean_weight;  // (classes)
  const float* grad_y;
  float* grad_x;
};

constexpr int64_t kFiner = 4;

// For each class: sums of its gradient times the normalised channels, and of its gradient.
inline int64_t head_sums(const Head& head) { return head.classes * (head.padded + 1); }

// A row of the map, kFiner of the fine grid's positions, and a row of gradients.
inline int64_t head_scratch(const Head& head) { return (2 * head.width + kFiner) * head.padded; }

// The kernels of one instruction set, each for the positions or rows (counted through the batch) from `first` to `end`.
struct LayerKernels {
  void (*norm)(const Norm&, int64_t first, int64_t end);
  void (*norm_backward)(const NormBackward&, int64_t first, int64_t end, float* sums, float* scratch);
  void (*convolution)(const Convolution&, int64_t first, int64_t end, float* scratch);
  void (*convolution_backward)(const ConvolutionBackward&, int64_t first, int64_t end, float* sums, float* scratch);
  void (*head)(const Head&, int64_t first, int64_t end, float* scratch);
  void (*head_backward)(const HeadBackward&, int64_t first, int64_t end, float* sums, float* scratch);
};

}  // namespace native
