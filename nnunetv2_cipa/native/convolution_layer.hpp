// A 3x3 convolution of each channel with its own weights, followed by SiLU.

constexpr int64_t kColumnsTogether = 8;  // whose products are added in registers

// The inputs of a position's 3x3 neighbours that lie in the map, and the weights that they meet.
struct Window {
  const float* from[kTaps];
  const float* weight[kTaps];
  int count;

  // `rows`: the three rows, zeros for those outside. `turned`: as the gradient of the input sees the weights.
  NATIVE_INLINE Window(const float* const* rows, int64_t column, const Convolution& f, bool turned) : count(0) {
    for (int64_t tap = 0; tap < kTaps; ++tap) {
      const int64_t at = column + tap % 3 - 1;
      if (at < 0 || at >= f.width) continue;
      from[count] = rows[tap / 3] + at * f.channels;
      weight[count++] = f.weight + (turned ? kTaps - 1 - tap : tap) * f.channels;
    }
  }

  NATIVE_INLINE Register sum(int64_t c, int64_t left, Register total) const {
    if (count == kTaps && left >= kLanes) {
      for (int tap = 0; tap < kTaps; ++tap)
        total = multiply_add(load<1>(from[tap] + c), load<1>(weight[tap] + c), total);
    } else {
      for (int tap = 0; tap < count; ++tap)
        total = multiply_add(load_some(from[tap] + c, left), load_some(weight[tap] + c, left), total);
    }
    return total;
  }
};

// The three rows around `row` of an array of rows of one map.
struct RowsAround {
  const float* rows[3];

  NATIVE_INLINE RowsAround(const float* map, int64_t row, const Convolution& f, const float* zeros) {
    for (int64_t i = 0; i < 3; ++i) {
      const int64_t at = row + i - 1;
      rows[i] = at < 0 || at >= f.height ? zeros : map + at * f.width * f.channels;
    }
  }
};

NATIVE_INLINE void zero(float* row, int64_t count) {
  for (int64_t i = 0; i < count; ++i) row[i] = 0.0f;
}

void convolution(const Convolution& f, int64_t first, int64_t end, float* scratch) {
  const int64_t size = f.width * f.channels;
  zero(scratch, size);
  for (int64_t p = first; p < end; ++p) {
    const RowsAround around(f.x + p / f.height * f.height * size, p % f.height, f, scratch);
    for (int64_t column = 0; column < f.width; ++column) {
      const Window window(around.rows, column, f, false);
      float* to = f.y + p * size + column * f.channels;
      for (int64_t c = 0; c < f.channels; c += kLanes) {
        const int64_t left = f.channels - c;
        const Register v = window.sum(c, left, load_some(f.bias + c, left));
        store_some(to + c, v * sigmoid(v), left);
      }
    }
  }
}

// The gradient of the convolution's result, in one row.
NATIVE_INLINE void through_silu(const ConvolutionBackward& f, const RowsAround& around, const float* grad_y, float* to) {
  for (int64_t column = 0; column < f.width; ++column) {
    const Window window(around.rows, column, f, false);
    const int64_t at = column * f.channels;
    for (int64_t c = 0; c < f.channels; c += kLanes) {
      const int64_t left = f.channels - c;
      const Register v = window.sum(c, left, load_some(f.bias + c, left)), open = sigmoid(v), silu = v * open;
      const Register slope = multiply_add(open, all<1>(1.0f) - silu, silu);
      store_some(to + at + c, load_some(grad_y + at + c, left) * slope, left);
    }
  }
}

// Adds to `sums`, (10, channels), a row's part of the gradients of the weights and, last, of the bias.
NATIVE_INLINE void add_weights(const Convolution& f, const RowsAround& around, const float* grad, float* sums) {
  for (int64_t start = 0; start < f.width; start += kColumnsTogether) {
    const int64_t end = start + kColumnsTogether < f.width ? start + kColumnsTogether : f.width;
    for (int64_t c = 0; c < f.channels; c += kLanes) {
      const int64_t left = f.channels - c;
      Register total[kTaps + 1];
      for (int64_t tap = 0; tap <= kTaps; ++tap) total[tap] = load_some(sums + tap * f.channels + c, left);
      for (int64_t column = start; column < end; ++column) {
        const Register g = load_some(grad + column * f.channels + c, left);
        total[kTaps] = total[kTaps] + g;
        for (int64_t tap = 0; tap < kTaps; ++tap) {
          const int64_t at = column + tap % 3 - 1;
          if (at < 0 || at >= f.width) continue;
          total[tap] = multiply_add(g, load_some(around.rows[tap / 3] + at * f.channels + c, left), total[tap]);
        }
      }
      for (int64_t tap = 0; tap <= kTaps; ++tap) store_some(sums + tap * f.channels + c, total[tap], left);
    }
  }
}

// The rows from `first` to `end` of one map.
NATIVE_INLINE void convolution_backward_map(const ConvolutionBackward& f, int64_t item, int64_t first, int64_t end,
                                            float* sums, float* scratch) {
  const int64_t size = f.width * f.channels, map = item * f.height * size;
  const float* zeros = scratch;
  const auto kept = [=](int64_t row) { return scratch + (1 + (row + 3) % 3) * size; };
  for (int64_t row = first - 1; row <= end; ++row) {
    if (row >= 0 && row < f.height) {
      const RowsAround around(f.x + map, row, f, zeros);
      through_silu(f, around, f.grad_y + map + row * size, kept(row));
      if (row >= first && row < end) add_weights(f, around, kept(row), sums);
    } else {
      zero(kept(row), size);
    }
    if (row - 1 < first) continue;
    const float* rows[3] = {kept(row - 2), kept(row - 1), kept(row)};
    for (int64_t column = 0; column < f.width; ++column) {
      const Window window(rows, column, f, true);
      float* to = f.grad_x + map + (row - 1) * size + column * f.channels;
      for (int64_t c = 0; c < f.channels; c += kLanes)
        store_some(to + c, window.sum(c, f.channels - c, all<1>(0.0f)), f.channels - c);
    }
  }
}

void convolution_backward(const ConvolutionBackward& f, int64_t first, int64_t end, float* sums, float* scratch) {
  zero(scratch, f.width * f.channels);
  for (int64_t p = first; p < end;) {
    const int64_t item = p / f.height, row = p % f.height;
    const int64_t last = row + end - p < f.height ? row + end - p : f.height;
    convolution_backward_map(f, item, row, last, sums, scratch);
    p += last - row;
  }
}
