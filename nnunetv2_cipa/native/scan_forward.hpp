// The forward scan of a group of channel blocks of one item. Each chunk of steps is taken through all blocks of the group
// before the next chunk: what the blocks share of it is read once.

// Takes a block over the steps in `rows`, and asks for the memory of the next. y: the block's, at position 0 of the item.
template <bool kBounded, int kStates, bool kWhole>
NATIVE_INLINE void forward_steps(const Forward& f, int64_t direction, const Recurrence<kStates, kWhole>& scan,
                                 const Rows& rows, float* __restrict state, float* y) {
  for (int64_t j = 0; j < rows.count; ++j) {
    if (j < rows.next_count) {
      scan.fetch(rows.next[j]);
      __builtin_prefetch(y + rows.next[j] * f.channels, 1);
    }
    const float* __restrict c = rows.C + j * scan.states;
    auto outputs = all<kParts>(0.0f);
    scan.template advance<kBounded>(rows, j, state, [&outputs, c](int64_t n, const auto& next) {
      add_each(outputs, next, c + n);
    });
    float* to = y + rows.positions[j] * f.channels;
    Block output = multiply_add(load<kParts>(scan.x + j * kBlock), scan.skip, outputs);
    if (direction != 0) output = output + load_block<kWhole>(to, scan.channels);
    store_block<kWhole>(to, output, scan.channels);
  }
}

// Takes a block over the chunk in `rows`.
template <int kStates, bool kWhole>
void forward_chunk(const Forward& f, int64_t direction, int64_t item, int64_t block, const Rows& rows,
                   float* __restrict state, float* scratch) {
  const Recurrence<kStates, kWhole> scan(f, direction, item, block, scratch);
  float* y = f.y + item * f.length * f.channels + block * kBlock;
  scan.prepare(rows);
  if (scan.is_bounded(rows.count)) {
    forward_steps<true>(f, direction, scan, rows, state, y);
  } else {
    forward_steps<false>(f, direction, scan, rows, state, y);
  }
}

void forward(const Forward& f, int64_t item, int64_t group, float* scratch) {
  const int64_t first = first_of(f.blocks, group, f.groups), end = first_of(f.blocks, group + 1, f.groups);
  float* states = scratch;
  float* steps = states + (end - first) * f.states * kBlock;
  for (int64_t direction = 0; direction < f.directions; ++direction) {
    clear(states, (end - first) * f.states);
    Rows rows(f, direction, item, steps + 2 * kChunk * kBlock);
    for (int64_t start = 0; start < f.length; start += kChunk) {
      rows.read(start, start + kChunk);
      for (int64_t block = first; block < end; ++block) {
        const bool whole = (block + 1) * kBlock <= f.channels;
        const auto run = !whole           ? forward_chunk<0, false>
                         : f.states == 16 ? forward_chunk<16, true>
                         : f.states == 4  ? forward_chunk<4, true>
                                          : forward_chunk<0, true>;
        float* state = states + (block - first) * f.states * kBlock;
        if (f.checkpoints != nullptr && start > 0) {
          const int64_t at = checkpoints_at(f, direction, item, block) + (start / kChunk - 1) * f.states * kBlock;
          copy(f.checkpoints + at, state, f.states);
        }
        run(f, direction, item, block, rows, state, steps);
      }
    }
  }
}
