// Logits on four times as fine a grid. The fine grid's channels exist for four positions at a time.

// The four positions of the fine grid that lie in one column of the map, in one row of the fine grid.
struct FinePositions {
  float* values;  // (kFiner, padded): the channels, less their mean
  float mean[kFiner], scale[kFiner];
};

// A row of the fine grid at the map's columns: (width, padded).
NATIVE_INLINE void interpolate_row(const Head& f, int64_t item, int64_t row, float* to) {
  const float* weights = f.vertical + row * 3;
  const int64_t near = row / kFiner, size = f.width * f.channels;
  const int64_t above = near > 0 ? near - 1 : near, below = near + 1 < f.height ? near + 1 : near;
  const float* map = f.x + item * f.height * size;
  for (int64_t column = 0; column < f.width; ++column) {
    const int64_t at = column * f.channels;
    for (int64_t c = 0; c < f.padded; c += kLanes) {
      const int64_t left = f.channels - c;
      const auto of = [&](int64_t line) { return load_some(map + line * size + at + c, left); };
      store(to + column * f.padded + c, of(above) * weights[0] + of(near) * weights[1] + of(below) * weights[2]);
    }
  }
}

NATIVE_INLINE void normalise(const Head& f, const float* row, int64_t column, FinePositions& fine) {
  const float* before = row + (column > 0 ? column - 1 : column) * f.padded;
  const float *at = row + column * f.padded, *after = row + (column + 1 < f.width ? column + 1 : column) * f.padded;
  const float* weights = f.horizontal + column * kFiner * 3;
  auto sums = all<kFiner>(0.0f), squares = all<kFiner>(0.0f);
  for (int64_t c = 0; c < f.padded; c += kLanes) {
    const Register left = load<1>(before + c), middle = load<1>(at + c), right = load<1>(after + c);
    for (int q = 0; q < kFiner; ++q) {
      const Register value = left * weights[3 * q] + middle * weights[3 * q + 1] + right * weights[3 * q + 2];
      store(fine.values + q * f.padded + c, value);
      sums.part[q] += value.part[0];
    }
  }
  const auto total = lane_sums(sums);
  for (int q = 0; q < kFiner; ++q) fine.mean[q] = total.part[q / kLanes][q % kLanes] / static_cast<float>(f.channels);
  for (int64_t c = 0; c < f.padded; c += kLanes) {
    for (int q = 0; q < kFiner; ++q) {
      float* value = fine.values + q * f.padded + c;
      const Register off = load<1>(value) + -fine.mean[q];
      store(value, off);
      squares.part[q] += off.part[0] * off.part[0];
    }
  }
  const auto variance = lane_sums(squares);
  const float beyond = static_cast<float>(f.padded - f.channels);  // channels of 0 that are none
  for (int q = 0; q < kFiner; ++q) {
    const float sum = variance.part[q / kLanes][q % kLanes] - beyond * fine.mean[q] * fine.mean[q];
    fine.scale[q] = inverse_root(sum / static_cast<float>(f.channels) + f.epsilon);
  }
}

// The normalised channels of the four positions times a class's weights.
NATIVE_INLINE void products(const Head& f, const FinePositions& fine, int64_t k, float* to) {
  auto sums = all<kFiner>(0.0f);
  for (int64_t c = 0; c < f.padded; c += kLanes) {
    const Register weight = load<1>(f.weight + k * f.padded + c);
    for (int q = 0; q < kFiner; ++q) sums.part[q] += load<1>(fine.values + q * f.padded + c).part[0] * weight.part[0];
  }
  const auto total = lane_sums(sums);
  for (int q = 0; q < kFiner; ++q) to[q] = total.part[q / kLanes][q % kLanes] * fine.scale[q];
}

NATIVE_INLINE int64_t logit_at(const Head& f, int64_t item, int64_t k, int64_t row, int64_t column) {
  return (((item * f.classes + k) * f.height * kFiner + row) * f.width + column) * kFiner;
}

void head(const Head& f, int64_t first, int64_t end, float* scratch) {
  FinePositions fine{scratch, {}, {}};
  float* line = scratch + kFiner * f.padded;
  for (int64_t p = first * kFiner; p < end * kFiner; ++p) {
    const int64_t item = p / (f.height * kFiner), row = p % (f.height * kFiner);
    interpolate_row(f, item, row, line);
    for (int64_t column = 0; column < f.width; ++column) {
      normalise(f, line, column, fine);
      for (int64_t k = 0; k < f.classes; ++k) {
        float* logits = f.y + logit_at(f, item, k, row, column);
        products(f, fine, k, logits);
        for (int q = 0; q < kFiner; ++q) logits[q] += f.bias[k];
      }
    }
  }
}

// Adds a class's gradient times the normalised channels, and its gradient, to `sums`: (padded + 1).
NATIVE_INLINE void add_class(const Head& f, const FinePositions& fine, const float* grad, float* sums) {
  for (int64_t c = 0; c < f.padded; c += kLanes) {
    Register total = load<1>(sums + c);
    for (int q = 0; q < kFiner; ++q)
      total = total + load<1>(fine.values + q * f.padded + c) * (grad[q] * fine.scale[q]);
    store(sums + c, total);
  }
  for (int q = 0; q < kFiner; ++q) sums[f.padded] += grad[q];
}

// Adds to `line`, (width, padded), the gradient of a row of the fine grid at the map's columns.
NATIVE_INLINE void add_column(const HeadBackward& f, const FinePositions& fine, int64_t item, int64_t row,
                              int64_t column, float* line) {
  float mean[kFiner] = {}, along[kFiner] = {};
  for (int64_t k = 0; k < f.classes; ++k) {
    const float* grad = f.grad_y + logit_at(f, item, k, row, column);
    float product[kFiner];
    products(f, fine, k, product);
    for (int q = 0; q < kFiner; ++q) {
      mean[q] += grad[q] * f.mean_weight[k];
      along[q] += grad[q] * product[q] / static_cast<float>(f.channels);
    }
  }
  const float* weights = f.horizontal + column * kFiner * 3;
  float* at[3] = {line + (column > 0 ? column - 1 : column) * f.padded, line + column * f.padded,
                  line + (column + 1 < f.width ? column + 1 : column) * f.padded};
  for (int64_t c = 0; c < f.padded; c += kLanes) {
    Register to[3] = {all<1>(0.0f), all<1>(0.0f), all<1>(0.0f)};
    for (int q = 0; q < kFiner; ++q) {
      Register inner = all<1>(-mean[q]) - load<1>(fine.values + q * f.padded + c) * (fine.scale[q] * along[q]);
      for (int64_t k = 0; k < f.classes; ++k)
        inner = inner + load<1>(f.weight + k * f.padded + c) * f.grad_y[logit_at(f, item, k, row, column) + q];
      for (int i = 0; i < 3; ++i) to[i] = to[i] + inner * (fine.scale[q] * weights[3 * q + i]);
    }
    for (int i = 0; i < 3; ++i) store(at[i] + c, load<1>(at[i] + c) + to[i]);
  }
}

// Adds a row's gradient, at the map's columns, to the rows of the map between `first` and `end` that it came from.
NATIVE_INLINE void add_rows(const HeadBackward& f, const float* line, int64_t item, int64_t row, int64_t first,
                            int64_t end) {
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t to_row = row / kFiner + i - 1;
    const float weight = f.vertical[row * 3 + i];
    if (to_row < first || to_row >= end) continue;
    float* to = f.grad_x + (item * f.height + to_row) * f.width * f.channels;
    for (int64_t column = 0; column < f.width; ++column)
      for (int64_t c = 0; c < f.channels; c += kLanes)
        add_some(to + column * f.channels + c, load<1>(line + column * f.padded + c) * weight, f.channels - c);
  }
}

// The rows from `first` to `end` of one map. Those of the fine grid that also belong to other rows are computed for both.
NATIVE_INLINE void head_backward_map(const HeadBackward& f, int64_t item, int64_t first, int64_t end, float* sums,
                                     float* scratch) {
  FinePositions fine{scratch, {}, {}};
  float *values = scratch + kFiner * f.padded, *line = values + f.width * f.padded;
  zero(f.grad_x + (item * f.height + first) * f.width * f.channels, (end - first) * f.width * f.channels);
  const int64_t above = first > 0 ? first - 1 : first, below = end < f.height ? end + 1 : end;
  for (int64_t row = above * kFiner; row < below * kFiner; ++row) {
    interpolate_row(f, item, row, values);
    zero(line, f.width * f.padded);
    for (int64_t column = 0; column < f.width; ++column) {
      normalise(f, values, column, fine);
      add_column(f, fine, item, row, column, line);
      if (row < first * kFiner || row >= end * kFiner) continue;
      for (int64_t k = 0; k < f.classes; ++k)
        add_class(f, fine, f.grad_y + logit_at(f, item, k, row, column), sums + k * (f.padded + 1));
    }
    add_rows(f, line, item, row, first, end);
  }
}

void head_backward(const HeadBackward& f, int64_t first, int64_t end, float* sums, float* scratch) {
  for (int64_t p = first; p < end;) {
    const int64_t item = p / f.height, row = p % f.height;
    const int64_t last = row + end - p < f.height ? row + end - p : f.height;
    head_backward_map(f, item, row, last, sums, scratch);
    p += last - row;
  }
}
