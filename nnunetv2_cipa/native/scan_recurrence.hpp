// The recurrence along one direction of one item, a chunk of steps at a time.
// kStates: the number of states if it is known when compiling, else 0. kWhole: the block has all kBlock channels.

// Steps whose dt is computed at the same time, to overlap their chains.
constexpr int64_t kTogetherSteps = kLanes == 16 ? 4 : 2;

// What all blocks of channels read for the steps of one chunk, gathered once for them: rows of B, C and, if there are
// ranks, of delta.
struct Rows {
  const Problem& problem;
  const float *B_0, *C_0, *delta_0;  // at position 0 of the item
  const int64_t direction;
  int64_t count, next_count;                // steps of this chunk and of the next
  int64_t positions[kChunk], next[kChunk];  // theirs
  float *B, *C, *delta;

  Rows(const Problem& f, int64_t direction, int64_t item, float* scratch)
      : problem(f),
        B_0(f.B + item * f.length * f.B_position + direction * f.B_direction),
        C_0(f.C + item * f.length * f.C_position + direction * f.C_direction),
        delta_0(f.delta + item * f.length * f.delta_position + direction * f.delta_direction),
        direction(direction),
        B(scratch),
        C(B + kChunk * f.states),
        delta(C + kChunk * f.states) {}

  // Reads the chunk that begins at step `start`, and asks for the memory of the one that begins at `next_start`, which
  // may be outside.
  void read(int64_t start, int64_t next_start) {
    count = locate(start, positions);
    next_count = locate(next_start, next);
    const int64_t states = problem.states;
    for (int64_t j = 0; j < count; ++j) {
      if (j < next_count) fetch(next[j]);
      const int64_t p = positions[j];
      copy_floats(B + j * states, B_0 + p * problem.B_position, states);
      copy_floats(C + j * states, C_0 + p * problem.C_position, states);
      copy_floats(delta + j * problem.rank, delta_0 + p * problem.delta_position, problem.rank);
    }
  }

 private:
  // The positions of a chunk; returns how many they are.
  int64_t locate(int64_t start, int64_t* to) const {
    if (start < 0 || start >= problem.length) return 0;
    const int64_t left = problem.length - start, steps = left < kChunk ? left : kChunk;
    Walk walk(problem, direction, start);
    for (int64_t j = 0; j < steps; ++j, walk.advance()) to[j] = walk.position;
    return steps;
  }

  NATIVE_INLINE void fetch(int64_t p) const {
    fetch_row(B_0 + p * problem.B_position, problem.states);
    fetch_row(C_0 + p * problem.C_position, problem.states);
    fetch_row(delta_0 + p * problem.delta_position, problem.rank);
  }

  static void fetch_row(const float* row, int64_t floats) {
    for (int64_t i = 0; i < floats; i += kBlock) __builtin_prefetch(row + i);
    if (floats) __builtin_prefetch(row + floats - 1);
  }
};

template <int kStates, bool kWhole>
struct Recurrence {
  static constexpr int kTogether = kStates ? 2 : 1;  // states worked on at the same time
  static constexpr int kCount = kTogether * kParts;

  const Problem& problem;
  const int64_t states, channels;  // channels: those of this block and the following
  const float *x_0, *delta_0;      // at position 0 of the item
  const float *decay, *weight;
  const Block skip, bias;
  float *dt, *x;  // of the chunk's steps, rows of kBlock; there are rows of dt for whole groups of steps

  Recurrence(const Problem& f, int64_t direction, int64_t item, int64_t block, float* scratch)
      : problem(f),
        states(kStates ? kStates : f.states),
        channels(f.channels - block * kBlock),
        x_0(f.x + item * f.length * f.x_position + block * kBlock),
        delta_0(f.delta + item * f.length * f.delta_position + direction * f.delta_direction + block * kBlock),
        decay(f.decay + (direction * f.blocks + block) * states * kBlock),
        weight(f.weight + (direction * f.blocks + block) * f.rank * kBlock),
        skip(load<kParts>(f.skip + (direction * f.blocks + block) * kBlock)),
        bias(load<kParts>(f.bias + (direction * f.blocks + block) * kBlock)),
        dt(scratch),
        x(scratch + kChunk * kBlock) {}

  // Asks for the memory of a position.
  NATIVE_INLINE void fetch(int64_t p) const {
    __builtin_prefetch(x_0 + p * problem.x_position);
    if (!problem.rank) __builtin_prefetch(delta_0 + p * problem.delta_position);
  }

  // Reads the steps of a chunk.
  void prepare(const Rows& rows) const {
    for (int64_t j = 0; j < rows.count; j += kTogetherSteps) prepare_dt(rows, j);
    for (int64_t j = 0; j < rows.count; ++j)
      store(x + j * kBlock, load_block<kWhole>(x_0 + rows.positions[j] * problem.x_position, channels));
  }

  // dt of the steps from j on; those beyond the last are copies of it.
  NATIVE_INLINE void prepare_dt(const Rows& rows, int64_t j) const {
    constexpr int kTogetherParts = kTogetherSteps * kParts;
    auto value = repeat<kTogetherParts>(bias);
    int64_t step[kTogetherSteps];
    for (int64_t i = 0; i < kTogetherSteps; ++i) step[i] = j + i < rows.count ? j + i : rows.count - 1;
    if (problem.rank) {
      for (int64_t r = 0; r < problem.rank; ++r) {
        const Block rates = load<kParts>(weight + r * kBlock);
        for (int i = 0; i < kTogetherParts; ++i)
          value.part[i] += rates.part[i % kParts] * rows.delta[step[i / kParts] * problem.rank + r];
      }
    } else {
      for (int i = 0; i < kTogetherParts; i += kParts) {
        const float* from = delta_0 + rows.positions[step[i / kParts]] * problem.delta_position;
        const Block row = load_block<kWhole>(from, channels);
        for (int part = 0; part < kParts; ++part) value.part[i + part] += row.part[part];
      }
    }
    store(dt + j * kBlock, problem.softplus ? softplus(value) : value);
  }

  // Whether no exponent of the chunk's steps can be below the least; so it is for all but the fastest decays.
  NATIVE_INLINE bool is_bounded(int64_t count) const {
    auto step = all<kParts>(0.0f), rate = step;
    for (int64_t j = 0; j < count; ++j) step = larger(magnitude(load<kParts>(dt + j * kBlock)), step);
    for (int64_t n = 0; n < states; ++n) rate = larger(magnitude(load<kParts>(decay + n * kBlock)), rate);
    alignas(64) float exponents[kBlock];
    store(exponents, step * rate);
    bool bounded = true;
    for (float exponent : exponents) bounded &= exponent < -kLeastExponent;  // not if it is NaN
    return bounded;
  }

  // Takes the states over step j, and shows `see` the new ones, kTogether at a time from state n on.
  template <bool kBounded, class See>
  NATIVE_INLINE void advance(const Rows& rows, int64_t j, float* __restrict state, const See& see) const {
    const Block step = load<kParts>(dt + j * kBlock);
    const auto dts = repeat<kCount>(step);
    const auto inputs = repeat<kCount>(step * load<kParts>(x + j * kBlock));
    const float* __restrict b = rows.B + j * states;
    const float* __restrict rates = decay;
#pragma GCC unroll 2
    for (int64_t n = 0; n < states; n += kTogether) {
      const auto power = power_of_two<kBounded>(dts * load<kCount>(rates + n * kBlock));
      const auto scaled = power.scale * load<kCount>(state + n * kBlock);
      const auto next = scaled + multiply_add(power.series, power.rest * scaled, times_each(inputs, b + n));
      see(n, next);
      store(state + n * kBlock, next);
    }
  }
};
