// The backward scan of one direction, compiled once per instruction set. States are recomputed: a first pass keeps
// the state every kChunk steps; then, from the last chunk to the first, a second pass recomputes the chunk's states
// and a third walks back through it.

// dL/dB and dL/dC of one position: a sum over the block's channels for each state.
SCAN_INLINE void add_sums(float* to, const Block* terms, int64_t states, bool add) {
  for (int64_t n = 0; n < states; ++n) to[n] = (add ? to[n] : 0.0f) + sum(terms[n]);
}

// The working memory of one unit, cut from its scratch.
struct Workspace {
  Block *state, *carry, *chunk_weights, *terms_B, *terms_C, *dt, *kept, *change, *checkpoints;

  Workspace(float* scratch, int64_t states) {
    Block* next = reinterpret_cast<Block*>(scratch);
    const auto take = [&next](int64_t count) {
      Block* taken = next;
      next += count;
      return taken;
    };
    state = take(states);
    carry = take(states);          // dL/dh of the step after
    chunk_weights = take(states);  // dL/dA of this chunk
    terms_B = take(states);
    terms_C = take(states);
    dt = take(kChunk);
    kept = take(kChunk * states);          // exp(dt A) h of the step before
    change = take((kChunk + 1) * states);  // exp(dt A) - 1, and that of the next chunk's first step
    checkpoints = take(0);
  }
};

template <int kStates, bool kWhole>
struct BackwardScan {
  const Backward& f;
  const int64_t states, channel, count, packed;
  const Block* decay;
  const Block skip, bias;
  Workspace w;

  BackwardScan(const Backward& f, int64_t block, float* scratch)
      : f(f),
        states(kStates ? kStates : f.states),
        channel(block * kBlock),
        count(f.channels - channel),
        packed(f.direction * f.blocks + block),
        decay(reinterpret_cast<const Block*>(f.decay + packed * states * kBlock)),
        skip(load<true>(f.skip + packed * kBlock, kBlock)),
        bias(load<true>(f.bias + packed * kBlock, kBlock)),
        w(scratch, states) {}

  Block dt_at(int64_t p) const {
    return time_step<kWhole>(f, f.delta + (f.direction * f.batch * f.length + p) * f.channels + channel, bias, count);
  }
  Block x_at(int64_t p) const { return load<kWhole>(f.x + p * f.x_position + channel, count); }
  const float* B_at(int64_t p) const { return f.B + p * f.B_position + f.direction * f.B_direction; }
  const float* C_at(int64_t p) const { return f.C + p * f.C_position + f.direction * f.C_direction; }

  // The states at the start of each chunk.
  void checkpoint(int64_t item) {
    Block* __restrict state = w.state;
    Block* __restrict to = w.checkpoints;
    for (int64_t n = 0; n < states; ++n) state[n] = to[n] = splat(0.0f);
    Walk walk(f, f.direction);
    const int64_t last = (f.length - 1) / kChunk * kChunk;
    for (int64_t step = 0; step < last; ++step, walk.advance()) {
      const int64_t p = item * f.length + walk.position;
      const Block dt = dt_at(p);
      const Block dt_x = dt * x_at(p);
      const float* __restrict b = B_at(p);
#pragma GCC unroll 16
      for (int64_t n = 0; n < states; ++n) {
        const Power power = power_of_two(dt * decay[n]);
        const Block scaled = power.scale * state[n];
        state[n] = scaled + multiply_add(power.fraction, scaled, dt_x * b[n]);
      }
      if ((step + 1) % kChunk == 0) {
        to += states;
        for (int64_t n = 0; n < states; ++n) to[n] = state[n];
      }
    }
  }

  // What the way back needs of a chunk of `steps` steps.
  void recompute(const int64_t* positions, int64_t steps, const Block* checkpoint) {
    Block* __restrict state = w.state;
    for (int64_t n = 0; n < states; ++n) {
      state[n] = checkpoint[n];
      w.change[steps * states + n] = w.change[n];
    }
    for (int64_t j = 0; j < steps; ++j) {
      const int64_t p = positions[j];
      const Block dt = w.dt[j] = dt_at(p);
      const Block dt_x = dt * x_at(p);
      const float* __restrict b = B_at(p);
      Block* __restrict kept = w.kept + j * states;
      Block* __restrict change = w.change + j * states;
#pragma GCC unroll 16
      for (int64_t n = 0; n < states; ++n) {
        const Power power = power_of_two(dt * decay[n]);
        const Block scaled = power.scale * state[n];
        kept[n] = multiply_add(power.fraction, scaled, scaled);
        change[n] = multiply_add(power.fraction, power.scale, power.scale - splat(1.0f));
        state[n] = scaled + multiply_add(power.fraction, scaled, dt_x * b[n]);
      }
    }
  }

  // One step back: adds to `sums` (D, delta_bias), writes the gradients of this position.
  void step_back(int64_t p, int64_t j, bool add, float* to_B, float* to_C, Block* __restrict sums) {
    const Block dt = w.dt[j], x = x_at(p), dt_x = dt * x;
    const Block dy = load<kWhole>(f.grad_y + p * f.channels + channel, count);
    const float* __restrict b = B_at(p);
    const float* __restrict c = C_at(p);
    const Block* __restrict kept = w.kept + j * states;
    const Block* __restrict change = w.change + (j + 1) * states;
    Block* __restrict carry = w.carry;
    Block* __restrict weights = w.chunk_weights;
    Block* __restrict terms_B = w.terms_B;
    Block* __restrict terms_C = w.terms_C;
    Block through_B = splat(0.0f), through_A = splat(0.0f);
#pragma GCC unroll 16
    for (int64_t n = 0; n < states; ++n) {
      const Block grad_h = carry[n] + multiply_add(change[n], carry[n], dy * c[n]);
      carry[n] = grad_h;
      terms_C[n] = dy * multiply_add(dt_x, b[n], kept[n]);
      terms_B[n] = grad_h * dt_x;
      through_B = multiply_add(grad_h, b[n], through_B);
      const Block grad_exponent = grad_h * kept[n];
      through_A = multiply_add(grad_exponent, decay[n], through_A);
      weights[n] = multiply_add(grad_exponent, dt, weights[n]);
    }
    add_sums(to_B, terms_B, states, add);
    add_sums(to_C, terms_C, states, add);

    float* grad_x = f.grad_x + p * f.channels + channel;
    Block dx = multiply_add(through_B, dt, dy * skip);
    if (f.direction != 0) dx = dx + load<kWhole>(grad_x, count);
    store<kWhole>(grad_x, dx, count);
    Block ddelta = multiply_add(through_A, kLn2, through_B * x);
    if (f.softplus) ddelta = ddelta * softplus_slope(dt);
    store<kWhole>(f.grad_delta + (f.direction * f.batch * f.length + p) * f.channels + channel, ddelta, count);
    sums[0] = multiply_add(dy, x, sums[0]);
    sums[1] = sums[1] + ddelta;
  }

  // One item, adding to `weights` (states rows of A's gradient, then D's and delta_bias').
  void item(int64_t item, int64_t group, bool add, Block* weights) {
    checkpoint(item);
    for (int64_t n = 0; n < states; ++n) w.carry[n] = w.change[n] = splat(0.0f);
    for (int64_t chunk = (f.length - 1) / kChunk; chunk >= 0; --chunk) {
      const int64_t start = chunk * kChunk;
      const int64_t steps = f.length - start < kChunk ? f.length - start : kChunk;
      int64_t positions[kChunk];
      Walk walk(f, f.direction, start);
      for (int64_t j = 0; j < steps; ++j, walk.advance()) positions[j] = item * f.length + walk.position;
      recompute(positions, steps, w.checkpoints + chunk * states);

      for (int64_t n = 0; n < states; ++n) w.chunk_weights[n] = splat(0.0f);
      Block sums[2] = {splat(0.0f), splat(0.0f)};
      for (int64_t j = steps - 1; j >= 0; --j) {
        const int64_t to = group * f.group_step + positions[j] * f.position_step;
        step_back(positions[j], j, add, f.grad_B + to, f.grad_C + to, sums);
      }
      for (int64_t n = 0; n < states; ++n) weights[n] = weights[n] + w.chunk_weights[n];
      weights[states] = weights[states] + sums[0];
      weights[states + 1] = weights[states + 1] + sums[1];
    }
  }
};

template <int kStates, bool kWhole>
void backward_block(const Backward& f, int64_t part, int64_t group, int64_t block, float* scratch) {
  BackwardScan<kStates, kWhole> scan(f, block, scratch);
  const int64_t rows = scan.states + 2;
  Block* weights = reinterpret_cast<Block*>(f.grad_weights) + (part * f.blocks + block) * rows;
  for (int64_t n = 0; n < rows; ++n) weights[n] = splat(0.0f);
  const bool add = block != first_of(f.blocks, group, f.groups);
  for (int64_t item = first_of(f.batch, part, f.parts); item < first_of(f.batch, part + 1, f.parts); ++item)
    scan.item(item, group, add, weights);
}

void backward(const Backward& f, int64_t part, int64_t group, float* scratch) {
  const int64_t end = first_of(f.blocks, group + 1, f.groups);
  for (int64_t block = first_of(f.blocks, group, f.groups); block < end; ++block) {
    const bool whole = (block + 1) * kBlock <= f.channels;
    const auto run = !whole           ? backward_block<0, false>
                     : f.states == 16 ? backward_block<16, true>
                     : f.states == 4  ? backward_block<4, true>
                                      : backward_block<0, true>;
    run(f, part, group, block, scratch);
  }
}
