// f(x) for host and device: no torch, no containers.
//
// The numbers of f are a table: a row of knots, one of base points and one for each power of the
// coefficients, highest first. An element finds its piece by bisection and looks the piece's
// numbers up: 3 log₂(n + 1) + D + 3 instructions. A chain of selects would take n (D + 3).
#pragma once

#include <math.h>

#include "about_zero.h"

#if defined(__CUDACC__)
#define HATACT_HD __host__ __device__ __forceinline__
#else
#define HATACT_HD inline
#endif

namespace hatact {

// What holds for all pieces.
template <typename T>
struct Outline {
  int degree;
  int top;  // the largest power of 2 that is at most the number of knots
  // x is clamped to [low, high]: at knots where a tail is constant, so that 0·inf never arises,
  // and to the period, which rounding leaves once x is large. Otherwise they are infinite.
  T low, high;
  // A tail that is neither constant nor, in T, of full degree, or a constant one to which x cannot
  // be clamped, for want of a number right of the last knot: where x − base is ±inf, the limits are
  // selected.
  bool select_limits;
  T limit_low, limit_high;
  T origin, period, inverse;  // inverse = 1/period; period 0: not periodic
};

// Rows of N entries: knots, padded with +inf; base points; coefficients. Entry i of the latter
// two belongs to piece i. At most N − 1 knots, N a power of 2; of degree at most D.
template <typename T, int N, int D>
struct alignas(16) Table {
  T rows[(D + 3) * N];

  // An entry by its place in bytes, which takes no instruction to scale.
  HATACT_HD T at(int r, int place) const {
    return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(rows + r * N) + place);
  }
};

template <typename T, int N, int D>
struct PPoly {
  Outline<T> outline;
  Table<T, N, D> table;
};

inline int top_of(int knots) {
  int top = 1;
  while (2 * top <= knots) top *= 2;
  return top;
}

// Fills rows of `stride` entries for powers up to `degree`, which may exceed that of the
// coefficients, `width` − 1. Each number is rounded once to T, where −0 is 0: what is too small for T
// comes out with either sign. The limits are those of the numbers as given.
template <typename T>
Outline<T> lay_out(const double* knots, int n, const double* coeffs, int width, double period,
                   int degree, int stride, T* table) {
  constexpr T inf = static_cast<T>(HUGE_VAL);
  T* const base = table + stride;
  T* const coef = base + stride;
  const auto rounded = [](double v) { return static_cast<T>(v) + T(0); };
  for (int k = 0; k < stride; ++k) table[k] = k < n ? rounded(knots[k]) : inf;
  for (int i = 0; i < stride; ++i) {
    // After reduction x may be knots[0] itself, by rounding: piece 0 is then piece 1.
    const int from = period > 0 && i == 0 ? 1 : i;
    base[i] = i > n ? 0 : table[from > 0 ? from - 1 : 0];
    for (int d = 0; d <= degree; ++d) {
      const int c = d - degree + width - 1;
      coef[d * stride + i] = i > n || c < 0 ? 0 : rounded(coeffs[from * width + c]);
    }
    if (i > n || width < 2) continue;
    const double* const last = coeffs + (from + 1) * width - 1;
    bool linear = last[-1] != 0;
    for (int c = 2; c < width; ++c) linear = linear && last[-c] == 0;
    double moved;
    if (linear && about_zero<T>(last[-1], *last, knots[from > 0 ? from - 1 : 0], moved)) {
      base[i] = 0;
      coef[degree * stride + i] = rounded(moved);
    }
  }
  // The power that leads a piece.
  const auto power = [&](int i) {
    int c = 0;
    while (c + 1 < width && coeffs[i * width + c] == 0) ++c;
    return width - 1 - c;
  };
  const auto limit = [&](int i, bool above) {
    const double lead = coeffs[(i + 1) * width - 1 - power(i)];
    if (power(i) == 0) return rounded(lead);
    return (lead > 0) == (above || power(i) % 2 == 0) ? inf : -inf;
  };
  const auto ragged = [&](int i) { return power(i) > 0 && coef[i] == 0; };
  Outline<T> f{degree, top_of(n), -inf, inf, false, limit(0, false), limit(n, true), table[0]};
  if (period > 0) {
    f.period = static_cast<T>(period);
    f.inverse = 1 / f.period;
    f.low = f.origin;
    f.high = static_cast<T>(knots[0] + period);
    return f;
  }
  if (power(0) == 0) f.low = table[0];
  if (power(n) == 0) f.high = static_cast<T>(nextafter(table[n - 1], inf));
  const bool no_number_above = power(n) == 0 && f.high == inf;
  f.select_limits = ragged(0) || ragged(n) || no_number_above;
  return f;
}

// x − (⌈(x − origin)/period⌉ − 1)·period, up to rounding of the product.
template <typename T>
HATACT_HD T reduced(const Outline<T>& f, T x) {
  // One step from a product with the inverse gives the rounded quotient (Markstein), without a
  // division's branches. It must not overflow; where it might, turns are not counted anyway.
  constexpr T countable = static_cast<T>(sizeof(T) == 4 ? 0x1p24 : 0x1p53);
  const T a = x - f.origin, near = a * f.inverse;
  const T turns = fabs(near) < countable ? fma(fma(-near, f.period, a), f.inverse, near) : near;
  const T back = 1 - ceil(turns);
  // Right of the origin no turn is taken back: the quotient may have underflowed to 0.
  return fma(x > f.origin && back > 0 ? T(0) : back, f.period, x);
}

// min(max(x, low), high), keeping NaN.
template <typename T>
HATACT_HD T clamped(T x, T low, T high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  if constexpr (sizeof(T) == 4) {
    asm("max.NaN.f32 %0, %0, %1;" : "+f"(x) : "f"(low));
    asm("min.NaN.f32 %0, %0, %1;" : "+f"(x) : "f"(high));
    return x;
  }
#endif
  x = x < low ? low : x;
  return x > high ? high : x;
}

// Adds `step` to `place` where x > t, or x is NaN: that has the slope of the last piece.
template <typename T>
HATACT_HD void add_above(int& place, int step, T x, T t) {
#if defined(__CUDA_ARCH__)
  if constexpr (sizeof(T) == 4) {  // the compiler would take three instructions, not two
    asm("{ .reg .pred p; setp.gtu.f32 p, %1, %2; @p add.s32 %0, %0, %3; }"
        : "+r"(place) : "f"(x), "f"(t), "r"(step));
    return;
  }
#endif
  if (!(x <= t)) place += step;
}

// The limit of a tail where u = x − base is ±inf, else y.
template <typename T>
HATACT_HD T limited(const Outline<T>& f, T u, T y) {
  constexpr T inf = static_cast<T>(HUGE_VAL);
  y = u == inf ? f.limit_high : y;
  return u == -inf ? f.limit_low : y;
}

// x[j] = f(x[j]), and the places of their pieces: a NaN is right of all knots. The elements run
// side by side, and so hide each other's latency. A device looks up in the copy of f.table that it
// is given, where threads can read different entries at once. Not for f.select_limits and D = 1.
template <int E, typename T, int N, int D>
HATACT_HD void evaluate(const Outline<T>& f, const Table<T, N, D>& table, T (&x)[E],
                        int (&place)[E]) {
  if (f.period != 0) {
#pragma unroll
    for (int j = 0; j < E; ++j) x[j] = reduced(f, x[j]);
  }
#pragma unroll
  for (int j = 0; j < E; ++j) x[j] = clamped(x[j], f.low, f.high);
  constexpr int kBytes = sizeof(T);
  const T middle = table.at(0, (f.top - 1) * kBytes);  // the first knot is one for all: one look-up
#pragma unroll
  for (int j = 0; j < E; ++j) {
    place[j] = 0;
    add_above(place[j], f.top * kBytes, x[j], middle);
  }
#pragma unroll
  for (int step = N / 4; step > 0; step /= 2) {
    if (step >= f.top) continue;
#pragma unroll
    for (int j = 0; j < E; ++j) {
      add_above(place[j], step * kBytes, x[j], table.at(0, place[j] + (step - 1) * kBytes));
    }
  }
  T y[E];
#pragma unroll
  for (int j = 0; j < E; ++j) {
    y[j] = table.at(2, place[j]);
    if constexpr (D == 0) {
      y[j] = x[j] == x[j] ? y[j] : x[j];
    } else {
      const T u = x[j] - table.at(1, place[j]);
#pragma unroll
      for (int d = 1; d <= D; ++d) y[j] = y[j] * u + table.at(d + 2, place[j]);
    }
  }
  if constexpr (D > 1) {
    if (f.select_limits) {
#pragma unroll
      for (int j = 0; j < E; ++j) y[j] = limited(f, x[j] - table.at(1, place[j]), y[j]);
    }
  }
#pragma unroll
  for (int j = 0; j < E; ++j) x[j] = y[j];
}

// f(x) and its piece for any number of knots and any degree; rows are 2 f.top apart.
template <typename T>
HATACT_HD T evaluate(const Outline<T>& f, const T* table, T x, int& piece) {
  const int stride = 2 * f.top;
  x = clamped(f.period != 0 ? reduced(f, x) : x, f.low, f.high);
  piece = 0;
  for (int step = f.top; step > 0; step /= 2) add_above(piece, step, x, table[piece + step - 1]);
  const T* const row = table + stride + piece;
  const T u = x - row[0];
  T y = row[stride];
  for (int d = 1; d <= f.degree; ++d) y = y * u + row[(d + 1) * stride];
  return x == x ? limited(f, u, y) : x;
}

}  // namespace hatact
