// The forward scan of one block of channels of one item, in all directions.

template <int kStates, bool kWhole>
void forward_direction(const Forward& f, int64_t direction, int64_t item, int64_t block, float* scratch) {
  using Scan = Recurrence<kStates, kWhole>;
  const Scan scan(f, direction, item, block);
  const int64_t states = scan.states;
  float* y = f.y + item * f.length * f.channels + block * kBlock;
  Steps steps;
  steps.dt = scratch;
  steps.x = steps.dt + kChunk * kBlock;
  steps.B = steps.x + kChunk * kBlock;
  steps.C = steps.B + kChunk * states;
  alignas(64) float local[kStates ? kStates * kBlock : 1];
  float* state = kStates ? local : steps.C + kChunk * states;
  clear(state, states);

  const int64_t lead = kLead + kFetch;
  Walk ahead(f, direction);
  for (int64_t j = 0; j < lead && j < f.length; ++j, ahead.advance()) scan.fetch(ahead.position);
  for (int64_t start = 0; start < f.length; start += kChunk) {
    scan.locate(steps, start);
    for (int64_t j = 0; j < kLead; ++j) scan.prepare(steps, j);
    for (int64_t j = 0; j < steps.count; ++j) {
      if (start + j + lead < f.length) {
        scan.fetch(ahead.position);
        __builtin_prefetch(y + ahead.position * f.channels, 1);
        ahead.advance();
      }
      scan.prepare(steps, j + kLead);
      const float* __restrict c = steps.C + j * states;
      auto outputs = all<Scan::kCount>(0.0f);
      scan.advance(steps, j, state, [&outputs, c](int64_t n, const auto&, const auto&, const auto&, const auto& next) {
        outputs = outputs + times_each(next, c + n);
      });
      float* to = y + steps.positions[j] * f.channels;
      Block output = multiply_add(load<kParts>(steps.x + j * kBlock), scan.skip, fold(outputs));
      if (direction != 0) output = output + load_block<kWhole>(to, scan.channels);
      store_block<kWhole>(to, output, scan.channels);
    }
  }
}

template <int kStates, bool kWhole>
void forward_block(const Forward& f, int64_t item, int64_t block, float* scratch) {
  for (int64_t direction = 0; direction < f.directions; ++direction)
    forward_direction<kStates, kWhole>(f, direction, item, block, scratch);
}

void forward(const Forward& f, int64_t item, int64_t block, float* scratch) {
  const bool whole = (block + 1) * kBlock <= f.channels;
  const auto run = !whole           ? forward_block<0, false>
                   : f.states == 16 ? forward_block<16, true>
                   : f.states == 4  ? forward_block<4, true>
                                    : forward_block<0, true>;
  run(f, item, block, scratch);
}
