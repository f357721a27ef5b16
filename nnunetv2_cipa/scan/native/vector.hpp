// Arithmetic on a block of channels, compiled once per instruction set: SCAN_WIDTH floats to a register.
// Included inside that instruction set's namespace, so that no two sets share a function.

constexpr int kLanes = SCAN_WIDTH;
constexpr int kParts = kBlock / kLanes;

typedef float Lanes __attribute__((vector_size(4 * SCAN_WIDTH)));
typedef int32_t Bits __attribute__((vector_size(4 * SCAN_WIDTH)));
typedef float Memory __attribute__((vector_size(4 * SCAN_WIDTH), aligned(4), may_alias));

#define SCAN_INLINE inline __attribute__((always_inline))
#define SCAN_EACH for (int i = 0; i < kParts; ++i)

struct Block {
  Lanes part[kParts];
};

SCAN_INLINE Block splat(float value) {
  Block out;
  SCAN_EACH out.part[i] = Lanes{} + value;
  return out;
}

template <bool kWhole>
SCAN_INLINE Block load(const float* from, int64_t count) {
  Block out;
  if (kWhole) {
    SCAN_EACH out.part[i] = *reinterpret_cast<const Memory*>(from + i * kLanes);
  } else {
    float padded[kBlock] = {};
    for (int64_t j = 0; j < count; ++j) padded[j] = from[j];
    SCAN_EACH out.part[i] = *reinterpret_cast<const Memory*>(padded + i * kLanes);
  }
  return out;
}

template <bool kWhole>
SCAN_INLINE void store(float* to, const Block& value, int64_t count) {
  if (kWhole) {
    SCAN_EACH *reinterpret_cast<Memory*>(to + i * kLanes) = value.part[i];
  } else {
    float padded[kBlock];
    SCAN_EACH *reinterpret_cast<Memory*>(padded + i * kLanes) = value.part[i];
    for (int64_t j = 0; j < count; ++j) to[j] = padded[j];
  }
}

SCAN_INLINE Block operator+(const Block& a, const Block& b) {
  Block out;
  SCAN_EACH out.part[i] = a.part[i] + b.part[i];
  return out;
}

SCAN_INLINE Block operator-(const Block& a, const Block& b) {
  Block out;
  SCAN_EACH out.part[i] = a.part[i] - b.part[i];
  return out;
}

SCAN_INLINE Block operator*(const Block& a, const Block& b) {
  Block out;
  SCAN_EACH out.part[i] = a.part[i] * b.part[i];
  return out;
}

SCAN_INLINE Block operator*(const Block& a, float b) {
  Block out;
  SCAN_EACH out.part[i] = a.part[i] * b;
  return out;
}

SCAN_INLINE Block operator/(const Block& a, const Block& b) {
  Block out;
  SCAN_EACH out.part[i] = a.part[i] / b.part[i];
  return out;
}

// a * b + c, fused where the processor can (the compiler contracts the expression).
SCAN_INLINE Block multiply_add(const Block& a, const Block& b, const Block& c) {
  Block out;
  SCAN_EACH out.part[i] = a.part[i] * b.part[i] + c.part[i];
  return out;
}

SCAN_INLINE Block multiply_add(const Block& a, float b, const Block& c) {
  Block out;
  SCAN_EACH out.part[i] = a.part[i] * b + c.part[i];
  return out;
}

SCAN_INLINE Block multiply_add(const Block& a, const Block& b, float c) {
  Block out;
  SCAN_EACH out.part[i] = a.part[i] * b.part[i] + c;
  return out;
}

SCAN_INLINE Block at_least(const Block& a, float low) {  // keeps NaN
  Block out;
  SCAN_EACH {
    const Lanes bound = Lanes{} + low;
    out.part[i] = a.part[i] < bound ? bound : a.part[i];
  }
  return out;
}

// 2^t = scale + scale * fraction, with scale the power of two of the integer nearest to t and fraction = 2^rest - 1.
struct Power {
  Block scale, fraction;
};

// For t <= 0. The two parts are kept apart because 1 + fraction would lose the digits of a slow decay. Below -127 the
// scale is exactly 0. The fraction is a minimax polynomial, relative error 4.4e-7.
SCAN_INLINE Power power_of_two(const Block& exponent) {
  constexpr float kShift = 12582912.0f + 127.0f;  // 1.5 * 2^23: rounds to an integer, in the low bits with its bias
  const Block t = at_least(exponent, -127.0f);
  Power out;
  Block rest;
  SCAN_EACH {
    const Lanes shifted = t.part[i] + kShift;
    out.scale.part[i] = (Lanes)((Bits)shifted << 23);
    rest.part[i] = t.part[i] - (shifted - kShift);
  }
  Block series = multiply_add(rest, splat(0.0013400436550357747f), 0.009666372953460286f);
  series = multiply_add(series, rest, 0.05550333181003415f);
  series = multiply_add(series, rest, 0.24022348954818187f);
  series = multiply_add(series, rest, 0.6931471955055992f);
  out.fraction = series * rest;
  return out;
}

constexpr float kLog2E = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

// log(1 + exp(v)) = max(v, 0) + log1p(e), e = exp(-|v|), and log1p(e) = 2 artanh(e / (2 + e)).
SCAN_INLINE Block softplus(const Block& v) {
  Block exponent;
  SCAN_EACH exponent.part[i] = (v.part[i] < Lanes{} ? v.part[i] : -v.part[i]) * kLog2E;
  const Power power = power_of_two(exponent);
  const Block e = multiply_add(power.scale, power.fraction, power.scale);
  const Block z = e / (e + splat(2.0f));
  const Block square = z * z;
  Block series = multiply_add(square, splat(0.14095773571737985f), 0.13978832906910008f);
  series = multiply_add(series, square, 0.20012557161151553f);
  series = multiply_add(series, square, 0.33333155072453796f);
  series = multiply_add(series, square, 1.0f);
  return at_least(v, 0.0f) + series * (z + z);
}

// The derivative of softplus at the v whose softplus is dt: sigmoid(v) = 1 - exp(-dt).
SCAN_INLINE Block softplus_slope(const Block& dt) {
  const Power power = power_of_two(dt * -kLog2E);
  return splat(1.0f) - power.scale - power.scale * power.fraction;
}

SCAN_INLINE float sum(const Block& a) {
  float total = 0.0f;
  Lanes lanes = a.part[0];
  for (int i = 1; i < kParts; ++i) lanes += a.part[i];
  for (int j = 0; j < kLanes; ++j) total += lanes[j];
  return total;
}
