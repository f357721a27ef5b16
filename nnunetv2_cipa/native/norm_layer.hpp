// A layer norm of each position's channels, and its product with a gate.

using Register = Vectors<1>;

// A register of which only the first `left` channels exist, if not all; the others are read as 0.
NATIVE_INLINE Register load_some(const float* from, int64_t left) {
  if (left >= kLanes) return load<1>(from);
  float padded[kLanes] = {};
  for (int64_t j = 0; j < left; ++j) padded[j] = from[j];
  return load<1>(padded);
}

NATIVE_INLINE void store_some(float* to, const Register& value, int64_t left) {
  if (left >= kLanes) return store(to, value);
  float padded[kLanes];
  store(padded, value);
  for (int64_t j = 0; j < left; ++j) to[j] = padded[j];
}

NATIVE_INLINE void add_some(float* to, const Register& value, int64_t left) {
  store_some(to, load_some(to, left) + value, left);
}

NATIVE_INLINE float sum_of(const Register& a) { return lane_sums(a).part[0][0]; }

// The reciprocal square root of a variance, by the processor's own root: the library's may be another set's.
NATIVE_INLINE float inverse_root(float value) { return 1.0f / __builtin_sqrtf(value); }

struct Moments {
  float mean, scale;  // scale: 1 / sqrt(variance + epsilon)
};

NATIVE_INLINE Moments moments(const float* x, int64_t channels, float epsilon) {
  Register sum = all<1>(0.0f), squares = all<1>(0.0f);
  for (int64_t c = 0; c < channels; c += kLanes) sum = sum + load_some(x + c, channels - c);
  const float mean = sum_of(sum) / static_cast<float>(channels);
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    const Register off = load<1>(x + c) + -mean;
    squares = multiply_add(off, off, squares);
  }
  float total = sum_of(squares);
  for (; c < channels; ++c) total += (x[c] - mean) * (x[c] - mean);
  return {mean, inverse_root(total / static_cast<float>(channels) + epsilon)};
}

void norm(const Norm& f, int64_t first, int64_t end) {
  for (int64_t p = first; p < end; ++p) {
    const float* x = f.x + p * f.channels;
    const Moments of_x = moments(x, f.channels, f.epsilon);
    for (int64_t c = 0; c < f.channels; c += kLanes) {
      const int64_t left = f.channels - c;
      const Register centred = (load_some(x + c, left) + -of_x.mean) * of_x.scale;
      Register y = multiply_add(centred, load_some(f.weight + c, left), load_some(f.bias + c, left));
      if (f.gate != nullptr) {
        const Register gate = load_some(f.gate + p * f.channels + c, left);
        y = y * (gate * sigmoid(gate));
      }
      store_some(f.y + p * f.channels + c, y, left);
    }
  }
}

// Adds to `sums`, (2, channels), the gradients of weight and bias; leaves in `scratch` that of the normalised channels.
struct NormGradients {
  Register to_centred, dot;  // sums of a position's gradients, alone and times the normalised channels
};

NATIVE_INLINE NormGradients through_gate(const NormBackward& f, int64_t p, const Moments& of_x, float* sums,
                                         float* scratch) {
  NormGradients total{all<1>(0.0f), all<1>(0.0f)};
  const int64_t at = p * f.channels;
  for (int64_t c = 0; c < f.channels; c += kLanes) {
    const int64_t left = f.channels - c;
    const Register weight = load_some(f.weight + c, left);
    Register centred = (load_some(f.x + at + c, left) + -of_x.mean) * of_x.scale;
    Register grad = load_some(f.grad_y + at + c, left);  // 0 beyond the last channel
    if (f.gate != nullptr || f.y != nullptr) {
      Register y = multiply_add(centred, weight, load_some(f.bias + c, left));
      if (f.gate != nullptr) {
        const Register gate = load_some(f.gate + at + c, left), open = sigmoid(gate), silu = gate * open;
        const Register slope = multiply_add(open, all<1>(1.0f) - silu, silu);
        store_some(f.grad_gate + at + c, grad * y * slope, left);
        grad = grad * silu;
        y = y * silu;
      }
      if (f.y != nullptr) store_some(f.y + at + c, y, left);
    }
    add_some(sums + c, grad * centred, left);
    add_some(sums + f.channels + c, grad, left);
    const Register inner = grad * weight;
    store(scratch + c, inner);
    total.to_centred = total.to_centred + inner;
    total.dot = multiply_add(inner, centred, total.dot);
  }
  return total;
}

void norm_backward(const NormBackward& f, int64_t first, int64_t end, float* sums, float* scratch) {
  const float count = static_cast<float>(f.channels);
  for (int64_t p = first; p < end; ++p) {
    const float* x = f.x + p * f.channels;
    const Moments of_x = moments(x, f.channels, f.epsilon);
    const NormGradients total = through_gate(f, p, of_x, sums, scratch);
    const float mean = sum_of(total.to_centred) / count, along = sum_of(total.dot) / count;
    for (int64_t c = 0; c < f.channels; c += kLanes) {
      const int64_t left = f.channels - c;
      const Register centred = (load_some(x + c, left) + -of_x.mean) * of_x.scale;
      store_some(f.grad_x + p * f.channels + c, (load<1>(scratch + c) + -mean - centred * along) * of_x.scale, left);
    }
  }
}
