// The backward scan of one direction, for a group of channel blocks. The forward scan has kept the states at the start of
// each chunk. Chunks are taken from the last to the first, each through all blocks of the group, and within a block a few
// states at a time: they are recomputed along the chunk, which stays in the nearest cache, and walked back through, with
// all that is theirs in registers.

// dL/dB and dL/dC of one position for the states from n on: the sums over the block's channels.
template <int kTogether>
NATIVE_INLINE void put_sums(const Sums& B, const Sums& C, int64_t p, int64_t n, const Vectors<kTogether * kParts>& terms_B,
                          const Vectors<kTogether * kParts>& terms_C, bool add) {
  alignas(64) float sums[kBlock];
  store(sums, lane_sums(join(sum_parts(terms_B), sum_parts(terms_C))));
  put_floats<kTogether>(B.to + p * B.position_step + n, sums, add);
  put_floats<kTogether>(C.to + p * C.position_step + n, sums + kTogether, add);
}

// The working memory of one block in one chunk: a row of kBlock floats for each step, if nothing else is said.
struct Workspace {
  float *grad_y, *input, *through_B, *through_A;
  float *kept, *change;  // for each step and state: exp(dt A) h of the step before, and exp(dt A) - 1

  explicit Workspace(float* scratch)
      : grad_y(scratch),
        input(grad_y + kChunk * kBlock),
        through_B(input + kChunk * kBlock),
        through_A(through_B + kChunk * kBlock),
        kept(through_A + kChunk * kBlock),
        change(kept + kChunk * kMostTogether * kBlock) {}
};

alignas(64) constexpr float kZeros[kMostTogether * kBlock] = {};  // the states before the first chunk

template <int kStates, bool kWhole>
class BackwardChunk {
 public:
  BackwardChunk(const Backward& f, int64_t item, int64_t group, int64_t block, const Rows& rows, float* carry,
                float* steps, float* scratch)
      : f_(f),
        rows_(rows),
        scan_(f, f.direction, item, block, steps),
        add_(block != first_of(f.blocks, group, f.groups)),
        grad_y_(f.grad_y + item * f.length * f.channels + block * kBlock),
        grad_x_(f.grad_x + item * f.length * f.channels + block * kBlock),
        grad_delta_(f.grad_delta + (f.direction * f.batch + item) * f.length * f.channels + block * kBlock),
        grad_B_(f.grad_B.of(item * f.length, group)),
        grad_C_(f.grad_C.of(item * f.length, group)),
        grad_ranks_(f.grad_ranks.of(item * f.length, group)),
        checkpoints_(f.checkpoints + checkpoints_at(f, f.direction, item, block)),
        carry_(carry),
        work_(scratch) {
    scan_.prepare(rows_);
  }

  // Writes the gradients of the chunk's positions; adds to `weights`: a row for each state's A, then D's, delta_bias'
  // and one for each rank of delta_weight.
  void run(int64_t chunk, float* weights) {
    gather();
    for (int64_t n = 0; n < scan_.states; n += kTogether) {
      recompute(n, chunk == 0 ? kZeros : checkpoints_ + ((chunk - 1) * scan_.states + n) * kBlock);
      walk_back(n, weights + n * kBlock);
    }
    finish(weights + scan_.states * kBlock);
    if (f_.rank) finish_ranks(weights + (scan_.states + 2) * kBlock);
  }

 private:
  using Scan = Recurrence<kStates, kWhole>;
  static constexpr int kTogether = !kStates ? 1 : kLanes == 16 ? kMostTogether : 2;
  static constexpr int kCount = kTogether * kParts;

  void gather() const {
    for (int64_t j = 0; j < rows_.count; ++j) {
      if (j < rows_.next_count) fetch(rows_.next[j]);
      const float* from = grad_y_ + rows_.positions[j] * f_.channels;
      store(work_.grad_y + j * kBlock, load_block<kWhole>(from, scan_.channels));
      store(work_.input + j * kBlock, load<kParts>(scan_.dt + j * kBlock) * load<kParts>(scan_.x + j * kBlock));
    }
    clear(work_.through_B, rows_.count);
    clear(work_.through_A, rows_.count);
  }

  // Asks for the memory of a position of the next chunk.
  NATIVE_INLINE void fetch(int64_t p) const {
    scan_.fetch(p);
    __builtin_prefetch(grad_y_ + p * f_.channels);
    __builtin_prefetch(grad_x_ + p * f_.channels, 1);
    if (!f_.rank) __builtin_prefetch(grad_delta_ + p * f_.channels, 1);
    __builtin_prefetch(grad_B_.to + p * grad_B_.position_step, 1);
    __builtin_prefetch(grad_C_.to + p * grad_C_.position_step, 1);
  }

  // What the way back needs of the states from n on.
  void recompute(int64_t n, const float* checkpoint) const {
    auto state = load<kCount>(checkpoint);
    const auto rates = load<kCount>(scan_.decay + n * kBlock);
    for (int64_t j = 0; j < rows_.count; ++j) {
      const auto power = power_of_two(repeat<kCount>(load<kParts>(scan_.dt + j * kBlock)) * rates);
      const auto scaled = power.scale * state;
      const auto kept = multiply_add(power.series, power.rest * scaled, scaled);
      store(work_.kept + j * kTogether * kBlock, kept);
      store(work_.change + j * kTogether * kBlock, minus_one(power));
      const auto inputs = repeat<kCount>(load<kParts>(work_.input + j * kBlock));
      state = kept + times_each(inputs, rows_.B + j * scan_.states + n);
    }
  }

  // Takes dL/dh of the states from n on back over the chunk.
  void walk_back(int64_t n, float* __restrict weights) const {
    auto carry = load<kCount>(carry_ + n * kBlock), grad_rates = all<kCount>(0.0f);
    const auto rates = load<kCount>(scan_.decay + n * kBlock);
    for (int64_t j = rows_.count - 1; j >= 0; --j) {
      const float* b = rows_.B + j * scan_.states + n;
      const float* c = rows_.C + j * scan_.states + n;
      const auto dys = repeat<kCount>(load<kParts>(work_.grad_y + j * kBlock));
      const auto inputs = repeat<kCount>(load<kParts>(work_.input + j * kBlock));
      const auto kept = load<kCount>(work_.kept + j * kTogether * kBlock);
      const auto grad_h = carry + times_each(dys, c);
      const auto by_B = grad_h * inputs, by_C = dys * (kept + times_each(inputs, b));
      put_sums<kTogether>(grad_B_, grad_C_, rows_.positions[j], n, by_B, by_C, add_);
      const auto grad_exponent = grad_h * kept;
      add_to(work_.through_B + j * kBlock, fold(times_each(grad_h, b)));
      add_to(work_.through_A + j * kBlock, fold(grad_exponent * rates));
      grad_rates = multiply_add(grad_exponent, repeat<kCount>(load<kParts>(scan_.dt + j * kBlock)), grad_rates);
      carry = multiply_add(load<kCount>(work_.change + j * kTogether * kBlock), grad_h, grad_h);
    }
    store(carry_ + n * kBlock, carry);
    store(weights, load<kCount>(weights) + grad_rates);
  }

  // Writes the gradients of x and of delta, the latter only into the workspace if delta has ranks.
  void finish(float* __restrict weights) const {
    auto grad_skip = all<kParts>(0.0f), grad_bias = grad_skip;
    for (int64_t j = 0; j < rows_.count; ++j) {
      const Block dt = load<kParts>(scan_.dt + j * kBlock), x = load<kParts>(scan_.x + j * kBlock);
      const Block dy = load<kParts>(work_.grad_y + j * kBlock), by_input = load<kParts>(work_.through_B + j * kBlock);
      float* to_x = grad_x_ + rows_.positions[j] * f_.channels;
      Block dx = multiply_add(by_input, dt, dy * scan_.skip);
      if (f_.direction != 0) dx = dx + load_block<kWhole>(to_x, scan_.channels);
      store_block<kWhole>(to_x, dx, scan_.channels);
      Block ddelta = multiply_add(by_input, x, load<kParts>(work_.through_A + j * kBlock) * kLn2);
      if (f_.softplus) ddelta = ddelta * softplus_slope(dt);
      if (f_.rank) {
        store(work_.through_A + j * kBlock, ddelta);
      } else {
        store_block<kWhole>(grad_delta_ + rows_.positions[j] * f_.channels, ddelta, scan_.channels);
      }
      grad_skip = multiply_add(dy, x, grad_skip);
      grad_bias = grad_bias + ddelta;
    }
    add_to(weights, grad_skip);
    add_to(weights + kBlock, grad_bias);
  }

  void finish_ranks(float* weights) const {
    int64_t r = 0;
    for (; r + 4 <= f_.rank; r += 4) finish_ranks<4>(r, weights + r * kBlock);
    for (; r + 2 <= f_.rank; r += 2) finish_ranks<2>(r, weights + r * kBlock);
    for (; r < f_.rank; ++r) finish_ranks<1>(r, weights + r * kBlock);
  }

  // The gradients of a few ranks of delta and of delta_weight.
  template <int kRanks>
  void finish_ranks(int64_t first, float* __restrict weights) const {
    const auto rates = load<kRanks * kParts>(scan_.weight + first * kBlock);
    auto grad_rates = all<kRanks * kParts>(0.0f);
    for (int64_t j = 0; j < rows_.count; ++j) {
      const auto ddelta = repeat<kRanks * kParts>(load<kParts>(work_.through_A + j * kBlock));
      grad_rates = grad_rates + times_each(ddelta, rows_.delta + j * f_.rank + first);
      alignas(64) float sums[kBlock];
      store(sums, lane_sums(sum_parts(ddelta * rates)));
      put_floats<kRanks>(grad_ranks_.to + rows_.positions[j] * grad_ranks_.position_step + first, sums, add_);
    }
    store(weights, load<kRanks * kParts>(weights) + grad_rates);
  }

  const Backward& f_;
  const Rows& rows_;
  const Scan scan_;
  const bool add_;  // to the group's sums, which its first block writes
  const float* grad_y_;
  float *grad_x_, *grad_delta_;
  const Sums grad_B_, grad_C_, grad_ranks_;
  const float* checkpoints_;
  float* carry_;  // dL/dh that comes from later chunks: a row for each state
  const Workspace work_;
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
        weights_(f.grad_weights + part * f.blocks * weight_rows(f) * kBlock),
        carries_(scratch),
        steps_(carries_ + blocks_in_group(f) * f.states * kBlock),
        work_(steps_ + steps_scratch(f)),
        rows_(f, f.direction, item, steps_ + 2 * kChunk * kBlock) {}

  void run() {
    clear(carries_, (end_ - first_) * f_.states);
    const int64_t last = (f_.length - 1) / kChunk;
    for (int64_t chunk = last; chunk >= 0; --chunk) {
      rows_.read(chunk * kChunk, (chunk - 1) * kChunk);
      for (int64_t block = first_; block < end_; ++block) run_chunk(block, chunk);
    }
  }

 private:
  void run_chunk(int64_t block, int64_t chunk) {
    if ((block + 1) * kBlock > f_.channels) return run_chunk<0, false>(block, chunk);
    if (f_.states == 16) return run_chunk<16, true>(block, chunk);
    if (f_.states == 4) return run_chunk<4, true>(block, chunk);
    run_chunk<0, true>(block, chunk);
  }

  template <int kStates, bool kWhole>
  void run_chunk(int64_t block, int64_t chunk) {
    float* carry = carries_ + (block - first_) * f_.states * kBlock;
    BackwardChunk<kStates, kWhole> work(f_, item_, group_, block, rows_, carry, steps_, work_);
    work.run(chunk, weights_ + block * weight_rows(f_) * kBlock);
  }

  const Backward& f_;
  const int64_t item_, group_, first_, end_;
  float *weights_, *carries_, *steps_, *work_;
  Rows rows_;
};

void backward(const Backward& f, int64_t part, int64_t group, float* scratch) {
  const int64_t rows = weight_rows(f), first = first_of(f.blocks, group, f.groups);
  const int64_t end = first_of(f.blocks, group + 1, f.groups);
  clear(f.grad_weights + (part * f.blocks + first) * rows * kBlock, (end - first) * rows);
  for (int64_t item = first_of(f.batch, part, f.parts); item < first_of(f.batch, part + 1, f.parts); ++item)
    BackwardItem(f, part, item, group, scratch).run();
}
