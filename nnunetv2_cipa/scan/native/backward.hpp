// The backward scan of one direction, for a group of channel blocks. The forward scan has kept the states at the start of
// each chunk; from the last chunk to the first, the others are recomputed, then the chunk is walked back through. As
// forward, a chunk is taken through all blocks of the group before the next.

// Writes or adds dL/dB or dL/dC of one position: for each state, the sum over the block's channels.
template <int kStates>
SCAN_INLINE void put_sums(float* to, const float* lanes, int64_t states, bool add) {
  for (int64_t n = 0; n < (kStates ? kStates : states); n += 4) {
    const Quad sums = sum_four(lanes + n * kLanes);
    for (int64_t i = 0; i < (kStates || states - n > 4 ? 4 : states - n); ++i)
      to[n + i] = (add ? to[n + i] : 0.0f) + sums[i];
  }
}

// What a block carries from chunk to chunk; in rows of kBlock floats, one for each state.
struct BlockState {
  float* carry;   // dL/dh of the step after
  float* change;  // exp(dt A) - 1 of the step after

  BlockState(const Problem& f, float* memory) : carry(memory), change(memory + f.states * kBlock) {}
};

// The working memory of one block in one chunk.
struct Workspace {
  float *state, *weights, *terms_B, *terms_C, *kept, *change, *grad_y;

  Workspace(int64_t states, float* scratch) {
    const auto take = [&scratch](int64_t floats) {
      float* taken = scratch;
      scratch += floats;
      return taken;
    };
    const int64_t row = states * kBlock;
    state = take(row);
    weights = take(row);               // dL/dA of this chunk
    terms_B = take(row + 3 * kBlock);  // dL/dB and dL/dC before the sum over lanes; four states are read at a time
    terms_C = take(row + 3 * kBlock);
    kept = take(kChunk * row);          // exp(dt A) h of the step before
    change = take((kChunk + 1) * row);  // exp(dt A) - 1, and that of the next chunk's first step
    grad_y = take(kChunk * kBlock);
  }
};

template <int kStates, bool kWhole>
class BackwardChunk {
 public:
  BackwardChunk(const Backward& f, int64_t item, int64_t group, int64_t block, const Rows& rows, float* block_state,
                float* steps, float* scratch)
      : f_(f),
        rows_(rows),
        scan_(f, f.direction, item, block, steps),
        row_(scan_.states * kBlock),
        add_(block != first_of(f.blocks, group, f.groups)),
        grad_y_(f.grad_y + item * f.length * f.channels + block * kBlock),
        grad_x_(f.grad_x + item * f.length * f.channels + block * kBlock),
        grad_delta_(f.grad_delta + (f.direction * f.batch + item) * f.length * f.channels + block * kBlock),
        grad_B_(f.grad_B + group * f.group_step + item * f.length * f.position_step),
        grad_C_(f.grad_C + group * f.group_step + item * f.length * f.position_step),
        checkpoints_(f.checkpoints + checkpoints_at(f, f.direction, item, block)),
        kept_(f, block_state),
        work_(scan_.states, scratch) {
    scan_.prepare(rows_);
  }

  // Writes the gradients of the chunk's positions; adds to `weights`: a row for each state's A, then D's and delta_bias'.
  void run(int64_t chunk, float* weights) {
    for (int64_t j = 0; j < rows_.count; ++j) {
      const float* from = grad_y_ + rows_.positions[j] * f_.channels;
      store(work_.grad_y + j * kBlock, load_block<kWhole>(from, scan_.channels));
    }
    recompute(chunk);
    clear(work_.weights, scan_.states);
    sums_[0] = sums_[1] = all<kParts>(0.0f);
    for (int64_t j = rows_.count - 1; j >= 0; --j) step_back(j);
    copy(kept_.change, work_.change, scan_.states);
    add_rows(weights, work_.weights, scan_.states);
    store(weights + row_, load<kParts>(weights + row_) + sums_[0]);
    store(weights + row_ + kBlock, load<kParts>(weights + row_ + kBlock) + sums_[1]);
  }

 private:
  using Scan = Recurrence<kStates, kWhole>;
  static constexpr int kCount = Scan::kCount;

  // What the way back needs of this chunk.
  void recompute(int64_t chunk) {
    copy(work_.state, checkpoints_ + chunk * row_, scan_.states);
    copy(work_.change + rows_.count * row_, kept_.change, scan_.states);
    for (int64_t j = 0; j < rows_.count; ++j) {
      if (j < rows_.next_count) fetch(rows_.next[j]);
      float* __restrict kept = work_.kept + j * row_;
      float* __restrict change = work_.change + j * row_;
      scan_.advance(rows_, j, work_.state,
                    [=](int64_t n, const auto& power, const auto& scaled, const auto& rest, const auto&) {
                      store(kept + n * kBlock, multiply_add(power.series, rest, scaled));
                      store(change + n * kBlock, minus_one(power));
                    });
    }
  }

  // Asks for the memory of a position of the next chunk.
  SCAN_INLINE void fetch(int64_t p) const {
    scan_.fetch(p);
    __builtin_prefetch(grad_y_ + p * f_.channels);
    __builtin_prefetch(grad_x_ + p * f_.channels, 1);
    __builtin_prefetch(grad_delta_ + p * f_.channels, 1);
    __builtin_prefetch(grad_B_ + p * f_.position_step, 1);
    __builtin_prefetch(grad_C_ + p * f_.position_step, 1);
  }

  // One step back: writes the gradients of its position.
  void step_back(int64_t j) {
    const int64_t states = scan_.states, p = rows_.positions[j];
    const Block dt = load<kParts>(scan_.dt + j * kBlock), x = load<kParts>(scan_.x + j * kBlock);
    const Block dy = load<kParts>(work_.grad_y + j * kBlock);
    const auto dts = repeat<kCount>(dt), inputs = repeat<kCount>(dt * x), dys = repeat<kCount>(dy);
    const float* __restrict b = rows_.B + j * states;
    const float* __restrict c = rows_.C + j * states;
    const float* __restrict rates = scan_.decay;
    const float* __restrict kept = work_.kept + j * row_;
    const float* __restrict change = work_.change + (j + 1) * row_;
    float* __restrict carry = kept_.carry;
    float* __restrict weights = work_.weights;
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
  const Rows& rows_;
  const Scan scan_;
  const int64_t row_;  // floats of one array of states
  const bool add_;     // to the group's sums, which its first block writes
  const float* grad_y_;
  float *grad_x_, *grad_delta_, *grad_B_, *grad_C_;
  const float* checkpoints_;
  const BlockState kept_;
  const Workspace work_;
  Block sums_[2];  // this chunk's gradients of D and delta_bias
};

// The backward scan of one item by one group, cut from its scratch.
class BackwardItem {
 public:
  BackwardItem(const Backward& f, int64_t part, int64_t item, int64_t group, float* scratch)
      : f_(f),
        item_(item),
        group_(group),
        first_(first_of(f.blocks, group, f.groups)),
        end_(first_of(f.blocks, group + 1, f.groups)),
        weights_(f.grad_weights + part * f.blocks * (f.states + 2) * kBlock),
        states_(scratch),
        steps_(states_ + blocks_in_group(f) * 2 * f.states * kBlock),
        work_(steps_ + steps_scratch(f)),
        rows_(f, f.direction, item, steps_ + 2 * kChunk * kBlock) {}

  void run() {
    clear(states_, (end_ - first_) * 2 * f_.states);
    const int64_t last = (f_.length - 1) / kChunk;
    for (int64_t chunk = last; chunk >= 0; --chunk) {
      rows_.read(chunk * kChunk, (chunk - 1) * kChunk);
      for (int64_t block = first_; block < end_; ++block)
        run_chunk(block, chunk);
    }
  }

 private:
  float* state_of(int64_t block) const { return states_ + (block - first_) * 2 * f_.states * kBlock; }

  void run_chunk(int64_t block, int64_t chunk) {
    if ((block + 1) * kBlock > f_.channels) return run_chunk<0, false>(block, chunk);
    if (f_.states == 16) return run_chunk<16, true>(block, chunk);
    if (f_.states == 4) return run_chunk<4, true>(block, chunk);
    run_chunk<0, true>(block, chunk);
  }

  template <int kStates, bool kWhole>
  void run_chunk(int64_t block, int64_t chunk) {
    BackwardChunk<kStates, kWhole> work(f_, item_, group_, block, rows_, state_of(block), steps_, work_);
    work.run(chunk, weights_ + block * (f_.states + 2) * kBlock);
  }

  const Backward& f_;
  const int64_t item_, group_, first_, end_;
  float *weights_, *states_, *steps_, *work_;
  Rows rows_;
};

void backward(const Backward& f, int64_t part, int64_t group, float* scratch) {
  const int64_t rows = f.states + 2, first = first_of(f.blocks, group, f.groups);
  const int64_t end = first_of(f.blocks, group + 1, f.groups);
  clear(f.grad_weights + (part * f.blocks + first) * rows * kBlock, (end - first) * rows);
  for (int64_t item = first_of(f.batch, part, f.parts); item < first_of(f.batch, part + 1, f.parts); ++item)
    BackwardItem(f, part, item, group, scratch).run();
}
