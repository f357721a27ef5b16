// The backward scan of one direction. States are recomputed: a first pass keeps the state every kChunk steps; then, from
// the last chunk to the first, a second pass recomputes the chunk's states and a third walks back through it.

// Writes or adds dL/dB or dL/dC of one position: for each state, the sum over the block's channels.
template <int kStates>
SCAN_INLINE void put_sums(float* to, const float* lanes, int64_t states, bool add) {
  for (int64_t n = 0; n < (kStates ? kStates : states); n += 4) {
    const Quad sums = sum_four(lanes + n * kLanes);
    for (int64_t i = 0; i < (kStates || states - n > 4 ? 4 : states - n); ++i)
      to[n + i] = (add ? to[n + i] : 0.0f) + sums[i];
  }
}

// The working memory of one unit, cut from its scratch; in rows of kBlock floats.
struct Workspace {
  float *state, *carry, *chunk_weights, *terms_B, *terms_C, *kept, *change, *grad_y, *checkpoints;

  Workspace(float* scratch, int64_t states, Steps& steps) {
    const auto take = [&scratch](int64_t floats) {
      float* taken = scratch;
      scratch += floats;
      return taken;
    };
    const int64_t row = states * kBlock;
    state = take(row);
    carry = take(row);          // dL/dh of the step after
    chunk_weights = take(row);  // dL/dA of this chunk
    terms_B = take(row + 3 * kBlock);  // dL/dB and dL/dC before the sum over lanes; four states are read at a time
    terms_C = take(row + 3 * kBlock);
    kept = take(kChunk * row);          // exp(dt A) h of the step before
    change = take((kChunk + 1) * row);  // exp(dt A) - 1, and that of the next chunk's first step
    steps.dt = take(kChunk * kBlock);
    steps.x = take(kChunk * kBlock);
    grad_y = take(kChunk * kBlock);
    steps.B = take(kChunk * states);
    steps.C = take(kChunk * states);
    checkpoints = scratch;
  }
};

template <int kStates, bool kWhole>
class BackwardScan {
 public:
  BackwardScan(const Backward& f, int64_t item, int64_t group, int64_t block, float* scratch)
      : f_(f),
        scan_(f, f.direction, item, block),
        row_(scan_.states * kBlock),
        add_(block != first_of(f.blocks, group, f.groups)),
        grad_y_(f.grad_y + item * f.length * f.channels + block * kBlock),
        grad_x_(f.grad_x + item * f.length * f.channels + block * kBlock),
        grad_delta_(f.grad_delta + (f.direction * f.batch + item) * f.length * f.channels + block * kBlock),
        grad_B_(f.grad_B + group * f.group_step + item * f.length * f.position_step),
        grad_C_(f.grad_C + group * f.group_step + item * f.length * f.position_step),
        work_(scratch, scan_.states, steps_) {}

  // Adds to `weights`: a row for each state's A, then D's and delta_bias'.
  void run(float* weights) {
    checkpoint();
    clear(work_.carry, scan_.states);
    clear(work_.change, scan_.states);
    for (int64_t start = (f_.length - 1) / kChunk * kChunk; start >= 0; start -= kChunk) {
      scan_.locate(steps_, start);
      recompute(work_.checkpoints + start / kChunk * row_);
      clear(work_.chunk_weights, scan_.states);
      sums_[0] = sums_[1] = all<kParts>(0.0f);
      for (int64_t j = steps_.count - 1; j >= 0; --j) step_back(j);
      add_rows(weights, work_.chunk_weights, scan_.states);
      store(weights + row_, load<kParts>(weights + row_) + sums_[0]);
      store(weights + row_ + kBlock, load<kParts>(weights + row_ + kBlock) + sums_[1]);
    }
  }

 private:
  using Scan = Recurrence<kStates, kWhole>;
  static constexpr int kCount = Scan::kCount;

  // The states at the start of each chunk.
  void checkpoint() {
    clear(work_.state, scan_.states);
    copy(work_.checkpoints, work_.state, scan_.states);
    Walk ahead(f_, f_.direction);
    for (int64_t j = 0; j < kLead + kFetch && j < f_.length; ++j, ahead.advance()) scan_.fetch(ahead.position);
    for (int64_t start = 0; start + kChunk < f_.length; start += kChunk) {
      scan_.locate(steps_, start);
      for (int64_t j = 0; j < kLead; ++j) scan_.prepare(steps_, j);
      for (int64_t j = 0; j < kChunk; ++j) {
        if (start + j + kLead + kFetch < f_.length) {
          scan_.fetch(ahead.position);
          ahead.advance();
        }
        scan_.prepare(steps_, j + kLead);
        scan_.advance(steps_, j, work_.state, [](int64_t, const auto&, const auto&, const auto&, const auto&) {});
      }
      copy(work_.checkpoints + (start / kChunk + 1) * row_, work_.state, scan_.states);
    }
  }

  // Asks for the memory of step j of this chunk, if there is one.
  SCAN_INLINE void fetch(int64_t j) const {
    if (j >= steps_.count) return;
    const int64_t p = steps_.positions[j];
    scan_.fetch(p);
    __builtin_prefetch(grad_y_ + p * f_.channels);
  }

  SCAN_INLINE void fetch_gradients(int64_t p) const {
    __builtin_prefetch(grad_x_ + p * f_.channels, 1);
    __builtin_prefetch(grad_delta_ + p * f_.channels, 1);
    __builtin_prefetch(grad_B_ + p * f_.position_step, 1);
    __builtin_prefetch(grad_C_ + p * f_.position_step, 1);
  }

  SCAN_INLINE void prepare(int64_t j) {
    if (j >= steps_.count) return;
    scan_.prepare(steps_, j);
    const float* from = grad_y_ + steps_.positions[j] * f_.channels;
    store(work_.grad_y + j * kBlock, load_block<kWhole>(from, scan_.channels));
  }

  // What the way back needs of this chunk.
  void recompute(const float* checkpoint) {
    copy(work_.state, checkpoint, scan_.states);
    copy(work_.change + steps_.count * row_, work_.change, scan_.states);
    for (int64_t j = 0; j < kLead + kFetch; ++j) fetch(j);
    for (int64_t j = 0; j < kLead; ++j) prepare(j);
    for (int64_t j = 0; j < steps_.count; ++j) {
      fetch(j + kLead + kFetch);
      prepare(j + kLead);
      float* __restrict kept = work_.kept + j * row_;
      float* __restrict change = work_.change + j * row_;
      scan_.advance(steps_, j, work_.state,
                    [=](int64_t n, const auto& power, const auto& scaled, const auto& rest, const auto&) {
                      store(kept + n * kBlock, multiply_add(power.series, rest, scaled));
                      store(change + n * kBlock, minus_one(power));
                    });
    }
  }

  // One step back: writes the gradients of its position.
  void step_back(int64_t j) {
    const int64_t states = scan_.states, p = steps_.positions[j];
    if (j >= kFetch) fetch_gradients(steps_.positions[j - kFetch]);
    const Block dt = load<kParts>(steps_.dt + j * kBlock), x = load<kParts>(steps_.x + j * kBlock);
    const Block dy = load<kParts>(work_.grad_y + j * kBlock);
    const auto dts = repeat<kCount>(dt), inputs = repeat<kCount>(dt * x), dys = repeat<kCount>(dy);
    const float* __restrict b = steps_.B + j * states;
    const float* __restrict c = steps_.C + j * states;
    const float* __restrict rates = scan_.decay;
    const float* __restrict kept = work_.kept + j * row_;
    const float* __restrict change = work_.change + (j + 1) * row_;
    float* __restrict carry = work_.carry;
    float* __restrict weights = work_.chunk_weights;
    float* __restrict terms_B = work_.terms_B;
    float* __restrict terms_C = work_.terms_C;
    auto through_B = all<kCount>(0.0f), through_A = through_B;
#pragma GCC unroll 2
    for (int64_t n = 0; n < states; n += Scan::kTogether) {
      const int64_t at = n * kBlock;
      const auto later = load<kCount>(carry + at), kept_n = load<kCount>(kept + at);
      const auto grad_h = later + multiply_add(load<kCount>(change + at), later, times_each(dys, c + n));
      store(carry + at, grad_h);
      store_lanes(terms_C + n * kLanes, dys * (kept_n + times_each(inputs, b + n)));
      store_lanes(terms_B + n * kLanes, grad_h * inputs);
      through_B = through_B + times_each(grad_h, b + n);
      const auto grad_exponent = grad_h * kept_n;
      through_A = multiply_add(grad_exponent, load<kCount>(rates + at), through_A);
      store(weights + at, multiply_add(grad_exponent, dts, load<kCount>(weights + at)));
    }
    put_sums<kStates>(grad_B_ + p * f_.position_step, terms_B, states, add_);
    put_sums<kStates>(grad_C_ + p * f_.position_step, terms_C, states, add_);

    const Block by_input = fold(through_B);
    Block dx = multiply_add(by_input, dt, dy * scan_.skip);
    if (f_.direction != 0) dx = dx + load_block<kWhole>(grad_x_ + p * f_.channels, scan_.channels);
    store_block<kWhole>(grad_x_ + p * f_.channels, dx, scan_.channels);
    Block ddelta = multiply_add(by_input, x, fold(through_A) * kLn2);
    if (f_.softplus) ddelta = ddelta * softplus_slope(dt);
    store_block<kWhole>(grad_delta_ + p * f_.channels, ddelta, scan_.channels);
    sums_[0] = multiply_add(dy, x, sums_[0]);
    sums_[1] = sums_[1] + ddelta;
  }

  const Backward& f_;
  const Scan scan_;
  const int64_t row_;  // floats of one array of states
  const bool add_;     // to the group's sums, which its first block writes
  const float* grad_y_;
  float *grad_x_, *grad_delta_, *grad_B_, *grad_C_;
  Steps steps_;
  Workspace work_;
  Block sums_[2];  // this chunk's gradients of D and delta_bias
};

template <int kStates, bool kWhole>
void backward_block(const Backward& f, int64_t part, int64_t group, int64_t block, float* scratch) {
  const int64_t rows = f.states + 2;
  float* weights = f.grad_weights + (part * f.blocks + block) * rows * kBlock;
  clear(weights, rows);
  for (int64_t item = first_of(f.batch, part, f.parts); item < first_of(f.batch, part + 1, f.parts); ++item)
    BackwardScan<kStates, kWhole>(f, item, group, block, scratch).run(weights);
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
