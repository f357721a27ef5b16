// The recurrence along one direction, for one block of channels of one item.
// kStates: the number of states if it is known when compiling, else 0. kWhole: the block has all kBlock channels.

constexpr int64_t kLead = 2;   // steps by which dt is ready before it is needed, to hide how long softplus takes
constexpr int64_t kFetch = 6;  // steps by which memory is asked for before that

// What is read for the steps of one chunk, gathered so that walking down a column stays in the first cache.
// Each row has kBlock floats, rows of B and C one for each state.
struct Steps {
  int64_t count, positions[kChunk];
  float *dt, *x, *B, *C;
};

template <int kStates, bool kWhole>
struct Recurrence {
  static constexpr int kTogether = kStates ? 2 : 1;  // states worked on at the same time
  static constexpr int kCount = kTogether * kParts;

  const Problem& problem;
  const int64_t direction, states, channels;  // channels: those of this block and the following
  const float *x, *delta, *B, *C;             // at position 0 of the item
  const float* decay;
  const Block skip, bias;

  Recurrence(const Problem& f, int64_t direction, int64_t item, int64_t block)
      : problem(f),
        direction(direction),
        states(kStates ? kStates : f.states),
        channels(f.channels - block * kBlock),
        x(f.x + item * f.length * f.x_position + block * kBlock),
        delta(f.delta + (direction * f.batch + item) * f.length * f.channels + block * kBlock),
        B(f.B + item * f.length * f.B_position + direction * f.B_direction),
        C(f.C + item * f.length * f.C_position + direction * f.C_direction),
        decay(f.decay + (direction * f.blocks + block) * states * kBlock),
        skip(load<kParts>(f.skip + (direction * f.blocks + block) * kBlock)),
        bias(load<kParts>(f.bias + (direction * f.blocks + block) * kBlock)) {}

  // The positions of the chunk that begins at `start`, or none beyond the end.
  void locate(Steps& steps, int64_t start) const {
    const int64_t left = problem.length - start;
    steps.count = left < kChunk ? left : kChunk;
    Walk walk(problem, direction, start);
    for (int64_t j = 0; j < steps.count; ++j, walk.advance()) steps.positions[j] = walk.position;
  }

  SCAN_INLINE void fetch(int64_t p) const {
    __builtin_prefetch(x + p * problem.x_position);
    __builtin_prefetch(delta + p * problem.channels);
    const float *b = B + p * problem.B_position, *c = C + p * problem.C_position;
    __builtin_prefetch(b);
    __builtin_prefetch(b + states - 1);
    __builtin_prefetch(c);
    __builtin_prefetch(c + states - 1);
  }

  // Reads step j, if there is one.
  SCAN_INLINE void prepare(Steps& steps, int64_t j) const {
    if (j >= steps.count) return;
    const int64_t p = steps.positions[j];
    Block dt = load_block<kWhole>(delta + p * problem.channels, channels) + bias;
    if (problem.softplus) dt = softplus(dt);
    store(steps.dt + j * kBlock, dt);
    store(steps.x + j * kBlock, load_block<kWhole>(x + p * problem.x_position, channels));
    const float *b = B + p * problem.B_position, *c = C + p * problem.C_position;
    __builtin_memcpy(steps.B + j * states, b, static_cast<size_t>(kStates ? kStates : states) * sizeof(float));
    __builtin_memcpy(steps.C + j * states, c, static_cast<size_t>(kStates ? kStates : states) * sizeof(float));
  }

  // Takes the states over step j, and tells `keep` for kTogether of them at a time, from state n on: the power of two
  // that the decay is, the states times its scale, these times its rest, and the new states.
  template <class Keep>
  SCAN_INLINE void advance(const Steps& steps, int64_t j, float* __restrict state, const Keep& keep) const {
    const Block dt = load<kParts>(steps.dt + j * kBlock);
    const auto dts = repeat<kCount>(dt);
    const auto inputs = repeat<kCount>(dt * load<kParts>(steps.x + j * kBlock));
    const float* __restrict b = steps.B + j * states;
    const float* __restrict rates = decay;
#pragma GCC unroll 2
    for (int64_t n = 0; n < states; n += kTogether) {
      const auto power = power_of_two(dts * load<kCount>(rates + n * kBlock));
      const auto scaled = power.scale * load<kCount>(state + n * kBlock);
      const auto rest = power.rest * scaled;
      const auto next = scaled + multiply_add(power.series, rest, times_each(inputs, b + n));
      keep(n, power, scaled, rest, next);
      store(state + n * kBlock, next);
    }
  }
};
