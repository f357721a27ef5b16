// The forward scan of one block of channels of one item, all directions, compiled once per instruction set.
// kStates: the number of states if it is known when compiling, else 0. kWhole: the block has all kBlock channels.

template <bool kWhole>
SCAN_INLINE Block time_step(const Problem& problem, const float* delta, const Block& bias, int64_t count) {
  const Block v = load<kWhole>(delta, count) + bias;
  return problem.softplus ? softplus(v) : v;
}

template <int kStates, bool kWhole>
void forward_direction(const Forward& f, int64_t direction, int64_t item, int64_t block, Block* __restrict state) {
  const int64_t states = kStates ? kStates : f.states;
  const int64_t channel = block * kBlock, count = f.channels - channel;
  const int64_t packed = direction * f.blocks + block;
  const int64_t first = item * f.length;
  const float* x = f.x + first * f.x_position + channel;
  const float* delta = f.delta + (direction * f.batch * f.length + first) * f.channels + channel;
  const float* B = f.B + first * f.B_position + direction * f.B_direction;
  const float* C = f.C + first * f.C_position + direction * f.C_direction;
  float* y = f.y + first * f.channels + channel;
  const Block* __restrict decay = reinterpret_cast<const Block*>(f.decay + packed * states * kBlock);
  const Block skip = load<true>(f.skip + packed * kBlock, kBlock);
  const Block bias = load<true>(f.bias + packed * kBlock, kBlock);

  for (int64_t n = 0; n < states; ++n) state[n] = splat(0.0f);
  Walk walk(f, direction);
  for (int64_t step = 0; step < f.length; ++step, walk.advance()) {
    const int64_t p = walk.position;
    const Block dt = time_step<kWhole>(f, delta + p * f.channels, bias, count);
    const Block input = load<kWhole>(x + p * f.x_position, count);
    const Block dt_input = dt * input;
    Block output = input * skip;
    if (direction != 0) output = output + load<kWhole>(y + p * f.channels, count);
    const float* __restrict b = B + p * f.B_position;
    const float* __restrict c = C + p * f.C_position;
#pragma GCC unroll 16
    for (int64_t n = 0; n < states; ++n) {
      const Power power = power_of_two(dt * decay[n]);
      const Block scaled = power.scale * state[n];
      state[n] = scaled + multiply_add(power.fraction, scaled, dt_input * b[n]);
      output = multiply_add(state[n], c[n], output);
    }
    store<kWhole>(y + p * f.channels, output, count);
  }
}

template <int kStates, bool kWhole>
void forward_block(const Forward& f, int64_t item, int64_t block, float* scratch) {
  Block local[kStates ? kStates : 1];
  Block* state = kStates ? local : reinterpret_cast<Block*>(scratch);
  for (int64_t direction = 0; direction < f.directions; ++direction)
    forward_direction<kStates, kWhole>(f, direction, item, block, state);
}

void forward(const Forward& f, int64_t item, int64_t block, float* scratch) {
  const bool whole = (block + 1) * kBlock <= f.channels;
  const auto run = !whole           ? forward_block<0, false>
                   : f.states == 16 ? forward_block<16, true>
                   : f.states == 4  ? forward_block<4, true>
                                    : forward_block<0, true>;
  run(f, item, block, scratch);
}
