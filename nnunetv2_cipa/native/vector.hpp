// Arithmetic on a block of channels, compiled once per instruction set: NATIVE_WIDTH floats to a register.
// Included inside that instruction set's namespace, so that no two sets share a function.

constexpr int kLanes = NATIVE_WIDTH;
constexpr int kParts = kBlock / kLanes;

typedef float Lanes __attribute__((vector_size(4 * NATIVE_WIDTH)));
typedef int32_t Bits __attribute__((vector_size(4 * NATIVE_WIDTH)));
typedef float Memory __attribute__((vector_size(4 * NATIVE_WIDTH), aligned(4), may_alias));

typedef float Quad __attribute__((vector_size(16)));
typedef float QuadMemory __attribute__((vector_size(16), aligned(4), may_alias));

#define NATIVE_INLINE inline __attribute__((always_inline))

// Registers that are worked on in step, so that their chains of operations overlap.
template <int kCount>
struct Vectors {
  Lanes part[kCount];
};

using Block = Vectors<kParts>;  // the channels of a block, for one state

#define NATIVE_EACH for (int i = 0; i < kCount; ++i)
#define NATIVE_OPERATOR(op)                                                              \
  template <int kCount>                                                                \
  NATIVE_INLINE Vectors<kCount> operator op(Vectors<kCount> a, const Vectors<kCount>& b) { \
    NATIVE_EACH a.part[i] = a.part[i] op b.part[i];                                      \
    return a;                                                                          \
  }                                                                                    \
  template <int kCount>                                                                \
  NATIVE_INLINE Vectors<kCount> operator op(Vectors<kCount> a, float b) {                \
    NATIVE_EACH a.part[i] = a.part[i] op b;                                              \
    return a;                                                                          \
  }

NATIVE_OPERATOR(+)
NATIVE_OPERATOR(-)
NATIVE_OPERATOR(*)
NATIVE_OPERATOR(/)

// a * b + c, fused where the processor can (the compiler contracts the expression).
template <int kCount>
NATIVE_INLINE Vectors<kCount> multiply_add(Vectors<kCount> a, const Vectors<kCount>& b, const Vectors<kCount>& c) {
  NATIVE_EACH a.part[i] = a.part[i] * b.part[i] + c.part[i];
  return a;
}

template <int kCount>
NATIVE_INLINE Vectors<kCount> multiply_add(Vectors<kCount> a, const Vectors<kCount>& b, float c) {
  NATIVE_EACH a.part[i] = a.part[i] * b.part[i] + c;
  return a;
}

template <int kCount>
NATIVE_INLINE Vectors<kCount> at_least(Vectors<kCount> a, float low) {  // keeps NaN
  NATIVE_EACH {
    const Lanes bound = Lanes{} + low;
#if NATIVE_WIDTH == 16
    a.part[i] = (Lanes)_mm512_maskz_max_ps(0xffff, (__m512)bound, (__m512)a.part[i]);
#elif NATIVE_WIDTH == 8
    a.part[i] = (Lanes)_mm256_max_ps((__m256)bound, (__m256)a.part[i]);
#elif defined(__SSE__)
    a.part[i] = (Lanes)_mm_max_ps((__m128)bound, (__m128)a.part[i]);
#else
    a.part[i] = a.part[i] < bound ? bound : a.part[i];
#endif
  }
  return a;
}

template <int kCount>
NATIVE_INLINE Vectors<kCount> magnitude(Vectors<kCount> a) {
  NATIVE_EACH a.part[i] = (Lanes)((Bits)a.part[i] & INT32_MAX);
  return a;
}

template <int kCount>
NATIVE_INLINE Vectors<kCount> larger(Vectors<kCount> a, const Vectors<kCount>& b) {  // b where a is NaN
  NATIVE_EACH a.part[i] = a.part[i] > b.part[i] ? a.part[i] : b.part[i];
  return a;
}

template <int kCount>
NATIVE_INLINE Vectors<kCount> all(float value) {
  Vectors<kCount> out;
  NATIVE_EACH out.part[i] = Lanes{} + value;
  return out;
}

// A block's channels for several states: kCount / kParts copies.
template <int kCount>
NATIVE_INLINE Vectors<kCount> repeat(const Block& a) {
  Vectors<kCount> out;
  NATIVE_EACH out.part[i] = a.part[i % kParts];
  return out;
}

// A block's channels for several states, each state times its own number.
template <int kCount>
NATIVE_INLINE Vectors<kCount> times_each(Vectors<kCount> a, const float* numbers) {
  NATIVE_EACH a.part[i] = a.part[i] * numbers[i / kParts];
  return a;
}

// Adds to `sums` a block for each of several states, each times its own number.
template <int kCount>
NATIVE_INLINE void add_each(Block& sums, const Vectors<kCount>& a, const float* numbers) {
  NATIVE_EACH sums.part[i % kParts] += a.part[i] * numbers[i / kParts];
}

// The sum over the states that were repeated.
template <int kCount>
NATIVE_INLINE Block fold(const Vectors<kCount>& a) {
  Block out;
  for (int i = 0; i < kParts; ++i) out.part[i] = a.part[i];
  for (int i = kParts; i < kCount; ++i) out.part[i % kParts] += a.part[i];
  return out;
}

template <int kCount>
NATIVE_INLINE Vectors<kCount> load(const float* from) {
  Vectors<kCount> out;
  NATIVE_EACH out.part[i] = *reinterpret_cast<const Memory*>(from + i * kLanes);
  return out;
}

template <int kCount>
NATIVE_INLINE void store(float* to, const Vectors<kCount>& value) {
  NATIVE_EACH *reinterpret_cast<Memory*>(to + i * kLanes) = value.part[i];
}

// Copies a short row. The empty statement keeps compilers from calling memcpy, which takes longer than the copying.
NATIVE_INLINE void copy_floats(float* to, const float* from, int64_t count) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    *reinterpret_cast<QuadMemory*>(to + i) = *reinterpret_cast<const QuadMemory*>(from + i);
    __asm__ volatile("");
  }
  for (; i < count; ++i) {
    to[i] = from[i];
    __asm__ volatile("");
  }
}

NATIVE_INLINE void clear(float* rows, int64_t count) {
  for (int64_t n = 0; n < count; ++n) store(rows + n * kBlock, all<kParts>(0.0f));
}

NATIVE_INLINE void copy(float* to, const float* from, int64_t count) {
  for (int64_t n = 0; n < count; ++n) store(to + n * kBlock, load<kParts>(from + n * kBlock));
}

// A block of which only the first `count` channels exist, if not whole; the others are read as 0.
template <bool kWhole>
NATIVE_INLINE Block load_block(const float* from, int64_t count) {
  if (kWhole) return load<kParts>(from);
  float padded[kBlock] = {};
  for (int64_t j = 0; j < count; ++j) padded[j] = from[j];
  return load<kParts>(padded);
}

template <bool kWhole>
NATIVE_INLINE void store_block(float* to, const Block& value, int64_t count) {
  if (kWhole) return store(to, value);
  float padded[kBlock];
  store(padded, value);
  for (int64_t j = 0; j < count; ++j) to[j] = padded[j];
}

// 2^t = scale * (1 + rest * series), with scale the power of two of the integer nearest to t and rest what is left.
template <int kCount>
struct Power {
  Vectors<kCount> scale, rest, series;
};

constexpr float kLeastExponent = -127.0f;

// For t below 128. The parts are kept apart because 1 + rest * series would lose the digits of a slow decay. Below the
// least exponent the scale is exactly 0; kBounded: no t is that low. The series is a minimax polynomial for
// (2^rest - 1) / rest, relative error 4.4e-7.
template <bool kBounded = false, int kCount>
NATIVE_INLINE Power<kCount> power_of_two(const Vectors<kCount>& exponent) {
  constexpr float kShift = 12582912.0f + 127.0f;  // 1.5 * 2^23: rounds to an integer, in the low bits with its bias
  const Vectors<kCount> t = kBounded ? exponent : at_least(exponent, kLeastExponent);
  const Vectors<kCount> shifted = t + kShift;
  Power<kCount> out;
  out.rest = t - (shifted - kShift);
  out.series = multiply_add(out.rest, all<kCount>(0.0013400436550357747f), 0.009666372953460286f);
  out.series = multiply_add(out.series, out.rest, 0.05550333181003415f);
  out.series = multiply_add(out.series, out.rest, 0.24022348954818187f);
  out.series = multiply_add(out.series, out.rest, 0.6931471955055992f);
  NATIVE_EACH out.scale.part[i] = (Lanes)((Bits)shifted.part[i] << 23);
  return out;
}

// 2^t - 1, for small t as accurate as for others.
template <int kCount>
NATIVE_INLINE Vectors<kCount> minus_one(const Power<kCount>& power) {
  return multiply_add(power.series, power.rest * power.scale, power.scale - 1.0f);
}

constexpr float kLog2E = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

// log(1 + exp(v)) = max(v, 0) + log1p(e), e = exp(-|v|), and log1p(e) = 2 artanh(e / (2 + e)).
template <int kCount>
NATIVE_INLINE Vectors<kCount> softplus(const Vectors<kCount>& v) {
  Vectors<kCount> negative;
  NATIVE_EACH negative.part[i] = (Lanes)((Bits)v.part[i] | INT32_MIN);
  const auto power = power_of_two(negative * kLog2E);
  const auto e = multiply_add(power.series, power.rest * power.scale, power.scale);
  const auto z = e / (e + 2.0f);
  const auto square = z * z;
  auto series = multiply_add(square, all<kCount>(0.14095773571737985f), 0.13978832906910008f);
  series = multiply_add(series, square, 0.20012557161151553f);
  series = multiply_add(series, square, 0.33333155072453796f);
  series = multiply_add(series, square, 1.0f);
  return multiply_add(series, z + z, at_least(v, 0.0f));
}

// 1 / (1 + exp(-v)).
template <int kCount>
NATIVE_INLINE Vectors<kCount> sigmoid(const Vectors<kCount>& v) {
  const auto power = power_of_two(at_least(v * kLog2E, -126.0f) * -1.0f);  // finite
  const auto e = multiply_add(power.series, power.rest * power.scale, power.scale);
  return all<kCount>(1.0f) / (e + 1.0f);
}

// The derivative of softplus at the v whose softplus is dt: sigmoid(v) = 1 - exp(-dt).
NATIVE_INLINE Block softplus_slope(const Block& dt) {
  return all<kParts>(0.0f) - minus_one(power_of_two(dt * -kLog2E));
}

#if defined(__clang__) || __GNUC__ >= 12
#define NATIVE_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define NATIVE_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Bits{__VA_ARGS__})
#endif

// Where the first summand of lane i comes from when segments of 2 * kDistance lanes of two registers are halved.
template <int kDistance>
constexpr int from(int i) {
  constexpr int kHalf = kLanes / 2;
  return i / kHalf * kLanes + i % kHalf / kDistance * 2 * kDistance + i % kDistance;
}

#if NATIVE_WIDTH == 16
#define NATIVE_FROM(d, s)                                                                                              \
  from<d>(0) + s, from<d>(1) + s, from<d>(2) + s, from<d>(3) + s, from<d>(4) + s, from<d>(5) + s, from<d>(6) + s,    \
      from<d>(7) + s, from<d>(8) + s, from<d>(9) + s, from<d>(10) + s, from<d>(11) + s, from<d>(12) + s,             \
      from<d>(13) + s, from<d>(14) + s, from<d>(15) + s
#elif NATIVE_WIDTH == 8
#define NATIVE_FROM(d, s)                                                                                           \
  from<d>(0) + s, from<d>(1) + s, from<d>(2) + s, from<d>(3) + s, from<d>(4) + s, from<d>(5) + s, from<d>(6) + s, \
      from<d>(7) + s
#else
#define NATIVE_FROM(d, s) from<d>(0) + s, from<d>(1) + s, from<d>(2) + s, from<d>(3) + s
#endif

// The sums of each register's lanes, one after the other from the first lane on. Each round halves the segments of lanes
// that belong to one sum, and puts those of two registers into one.
template <int kDistance = kLanes / 2, int kCount>
NATIVE_INLINE auto lane_sums(const Vectors<kCount>& a) {
  constexpr int kLeft = (kCount + 1) / 2;
  Vectors<kLeft> halved;
  for (int i = 0; i < kLeft; ++i) {
    const Lanes first = a.part[2 * i], second = a.part[2 * i + 1 < kCount ? 2 * i + 1 : 2 * i];
    halved.part[i] = NATIVE_SHUFFLE(first, second, NATIVE_FROM(kDistance, 0)) +
                     NATIVE_SHUFFLE(first, second, NATIVE_FROM(kDistance, kDistance));
  }
  if constexpr (kDistance == 1) {
    return halved;
  } else {
    return lane_sums<kDistance / 2>(halved);
  }
}

// For each of several states, the sum of its block's registers.
template <int kCount>
NATIVE_INLINE Vectors<kCount / kParts> sum_parts(const Vectors<kCount>& a) {
  Vectors<kCount / kParts> sums;
  for (int state = 0; state < kCount / kParts; ++state) {
    sums.part[state] = a.part[state * kParts];
    for (int i = 1; i < kParts; ++i) sums.part[state] += a.part[state * kParts + i];
  }
  return sums;
}

// The registers of one after those of the other.
template <int kCount>
NATIVE_INLINE Vectors<2 * kCount> join(const Vectors<kCount>& a, const Vectors<kCount>& b) {
  Vectors<2 * kCount> both;
  NATIVE_EACH both.part[i] = a.part[i];
  NATIVE_EACH both.part[i + kCount] = b.part[i];
  return both;
}

// Writes a few floats, or adds them to those that are there.
template <int kCount>
NATIVE_INLINE void put_floats(float* to, const float* from, bool add) {
  if constexpr (kCount == 4) {
    const Quad values = *reinterpret_cast<const QuadMemory*>(from);
    QuadMemory* quad = reinterpret_cast<QuadMemory*>(to);
    *quad = add ? *quad + values : values;
  } else {
    for (int i = 0; i < kCount; ++i) to[i] = add ? to[i] + from[i] : from[i];
  }
}

NATIVE_INLINE void add_to(float* to, const Block& value) { store(to, load<kParts>(to) + value); }
