// What a scan is given and what it fills: plain data, shared by every instruction set.
//
// Image-like arrays are channels-last and addressed by position p = (item * height + row) * width + column.
// Channels are worked on in blocks of kBlock; weights are packed so that a block's are contiguous and zero-padded.
#pragma once

#include <cstdint>

namespace native {

constexpr int64_t kBlock = 16;  // channels to a block: one cache line of floats

struct Problem {
  int64_t batch, height, width, channels, states, directions;
  int64_t rank;    // delta is delta_weight times a vector of this size; 0: it is given itself
  int64_t length;  // height * width
  int64_t groups;  // into which the blocks are divided: each is worked on as one
  int64_t blocks;  // ceil(channels / kBlock)
  bool softplus;   // dt = softplus(delta + bias), else dt = delta + bias

  const float* x;      // x[p * x_position + channel]
  const float* delta;  // delta[p * delta_position + direction * delta_direction + channel, or one of the ranks]
  const float* B;      // B[p * B_position + direction * B_direction + state]
  const float* C;
  int64_t x_position, delta_position, delta_direction, B_position, B_direction, C_position, C_direction;

  const float* weight;  // packed delta_weight: (directions, blocks, rank, kBlock)
  const float* decay;  // packed A * log2(e): (directions, blocks, states, kBlock)
  const float* skip;   // packed D: (directions, blocks, kBlock)
  const float* bias;   // packed delta_bias: (directions, blocks, kBlock)
};

struct Forward : Problem {
  float* y;            // (batch, height, width, channels), contiguous
  float* checkpoints;  // states at the start of each chunk but the first: (directions, batch, blocks, chunks - 1, states, kBlock), or null
};

// Sums over channels: to[group * group_step + p * position_step + ...].
struct Sums {
  float* to;
  int64_t group_step, position_step;

  Sums of(int64_t position, int64_t group) const {
    return {to + group * group_step + position * position_step, group_step, position_step};
  }
};

// The backward pass of one direction. Sums over channels (B, C, ranks of delta) and over the batch (A, D, delta_bias,
// delta_weight) are left as partial sums, one for each group of blocks and one for each part of the batch, to be added in
// a fixed order.
struct Backward : Problem {
  int64_t direction;
  const float* checkpoints;  // as forward
  const float* grad_y;  // (batch, height, width, channels), contiguous
  float* grad_x;        // the same; written by direction 0, added to by the others
  float* grad_delta;    // without ranks: (directions, batch, height, width, channels), contiguous
  Sums grad_B, grad_C, grad_ranks;
  float* grad_weights;  // (parts, blocks, weight_rows, kBlock): A's rows, then D, delta_bias and delta_weight's rows
  int64_t parts;
};

constexpr int64_t kChunk = 128;  // steps that are taken through the blocks together, and between two checkpoints

inline int64_t blocks_in_group(const Problem& problem) { return (problem.blocks + problem.groups - 1) / problem.groups; }

inline int64_t steps_scratch(const Problem& problem) {
  return 2 * kChunk * kBlock + kChunk * (2 * problem.states + problem.rank);
}

inline int64_t forward_scratch(const Problem& problem) {
  return steps_scratch(problem) + blocks_in_group(problem) * problem.states * kBlock;
}

inline int64_t chunks(const Problem& problem) { return (problem.length + kChunk - 1) / kChunk; }

// Of one block of one item in one direction: none for the first chunk, which starts with zeros.
inline int64_t checkpoint_floats(const Problem& problem) { return (chunks(problem) - 1) * problem.states * kBlock; }

inline int64_t checkpoints_at(const Problem& problem, int64_t direction, int64_t item, int64_t block) {
  return ((direction * problem.batch + item) * problem.blocks + block) * checkpoint_floats(problem);
}

constexpr int64_t kMostTogether = 4;  // states that the backward pass works on at the same time

inline int64_t weight_rows(const Problem& problem) { return problem.states + 2 + problem.rank; }

inline int64_t backward_scratch(const Problem& problem) {
  const int64_t work = kChunk * (4 + 2 * kMostTogether) * kBlock;
  return steps_scratch(problem) + blocks_in_group(problem) * problem.states * kBlock + work;
}

inline int64_t first_of(int64_t total, int64_t share, int64_t shares) { return total * share / shares; }

// Steps through the positions of one item in the order of a direction: 0 row by row, 1 column by column, 2 and 3 the
// same from the end.
class Walk {
 public:
  Walk(const Problem& problem, int64_t direction, int64_t step = 0) {
    const bool by_column = direction & 1;
    const int64_t sign = direction & 2 ? -1 : 1;
    run_ = by_column ? problem.height : problem.length;
    inner_ = sign * (by_column ? problem.width : 1);
    outer_ = sign * (by_column ? 1 - (problem.height - 1) * problem.width : 0);
    const int64_t line = step / run_, along = step % run_;
    left_ = run_ - along;
    position = (sign < 0 ? problem.length - 1 : 0) + along * inner_ + line * sign;
  }

  void advance() {
    const bool turn = --left_ == 0;
    position += turn ? outer_ : inner_;
    left_ = turn ? run_ : left_;
  }

  int64_t position;

 private:
  int64_t run_, inner_, outer_, left_;
};

}  // namespace native
