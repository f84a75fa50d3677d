// f(x) for host and device: no torch, no containers.
//
// An element finds its piece by counting the knots below it, and looks the piece's numbers up.
// A chain of selects over them would take n (D + 3) instructions in place of 2 n + D + 2.
#pragma once

#include <math.h>

#if defined(__CUDACC__)
#define HATACT_HD __host__ __device__ __forceinline__
#else
#define HATACT_HD inline
#endif

namespace hatact {

// What holds for all pieces.
template <typename T>
struct Outline {
  int knots, degree;
  // x is clamped to [low, high]: at knots where a tail is constant, so that 0·inf never arises,
  // and to the period, which rounding leaves once x is large. Otherwise they are infinite.
  T low, high;
  // A tail that is neither constant nor of full degree: its limits at ±inf are selected.
  bool select_limits;
  T limit_low, limit_high;
  T origin, period, inverse;  // inverse = 1/period; period 0: not periodic
};

// Base points and coefficients, highest power first; entry i of a row belongs to piece i.
template <typename T, int N, int D>
struct Rows {
  T base[N + 1];
  T coef[D + 1][N + 1];
};

// A piecewise polynomial of at most N knots and of degree at most D.
template <typename T, int N, int D>
struct PPoly {
  Outline<T> outline;
  T knot[N];
  Rows<T, N, D> rows;
};

// Writes knots, base points and coefficients, `stride` apart and padded with zeros to `rows` − 1
// powers; each is rounded once to T.
template <typename T>
Outline<T> lay_out(const double* knots, int n, const double* coeffs, int degree, double period,
                   int rows, int stride, T* knot, T* base, T* coef) {
  constexpr T inf = static_cast<T>(HUGE_VAL);
  for (int k = 0; k < stride - 1; ++k) knot[k] = k < n ? static_cast<T>(knots[k]) : inf;
  for (int i = 0; i < stride; ++i) {
    // After reduction x may be knots[0] itself, by rounding: piece 0 is then piece 1.
    const int from = period > 0 && i == 0 ? 1 : i;
    base[i] = i > n ? 0 : knot[from > 0 ? from - 1 : 0];
    for (int d = 0; d < rows; ++d) {
      const int c = d - (rows - 1 - degree);
      coef[d * stride + i] =
          i > n || c < 0 ? 0 : static_cast<T>(coeffs[from * (degree + 1) + c]);
    }
  }
  // The power that leads a piece, after rounding.
  const auto power = [&](int i) {
    int d = 0;
    while (d < rows - 1 && coef[d * stride + i] == 0) ++d;
    return rows - 1 - d;
  };
  const auto limit = [&](int i, bool above) {
    const T lead = coef[(rows - 1 - power(i)) * stride + i];
    if (power(i) == 0) return lead;
    return (lead > 0) == (above || power(i) % 2 == 0) ? inf : -inf;
  };
  const auto ragged = [&](int i) { return power(i) > 0 && power(i) < rows - 1; };
  Outline<T> f{n, rows - 1, -inf, inf, false, limit(0, false), limit(n, true), knot[0], 0, 0};
  if (period > 0) {
    f.period = static_cast<T>(period);
    f.inverse = 1 / f.period;
    f.low = f.origin;
    f.high = static_cast<T>(knots[0] + period);
    return f;
  }
  if (power(0) == 0) f.low = knot[0];
  if (power(n) == 0) f.high = static_cast<T>(nextafter(knot[n - 1], inf));
  f.select_limits = ragged(0) || ragged(n);
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
  return fma(1 - ceil(turns), f.period, x);
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

// Adds 1 to `count` where x > t.
template <typename T>
HATACT_HD void count_above(int& count, T x, T t) {
#if defined(__CUDA_ARCH__)
  if constexpr (sizeof(T) == 4) {  // the compiler would take three instructions, not two
    asm("{ .reg .pred p; setp.gt.f32 p, %1, %2; @p add.s32 %0, %0, 1; }"
        : "+r"(count) : "f"(x), "f"(t));
    return;
  }
#endif
  count += x > t;
}

// The limit of a tail at ±inf, else y.
template <typename T>
HATACT_HD T limited(const Outline<T>& f, T x, T y) {
  constexpr T inf = static_cast<T>(HUGE_VAL);
  y = x == inf ? f.limit_high : y;
  return x == -inf ? f.limit_low : y;
}

// x[j] = f(x[j]). The elements run side by side, and so hide each other's latency. `rows` is a
// copy of f.rows, which on a device has to lie where threads can look up different entries.
template <int E, typename T, int N, int D>
HATACT_HD void evaluate(const PPoly<T, N, D>& f, const Rows<T, N, D>& rows, T (&x)[E]) {
  const Outline<T>& o = f.outline;
  int piece[E] = {};
  if (o.period != 0) {
#pragma unroll
    for (int j = 0; j < E; ++j) x[j] = reduced(o, x[j]);
  }
#pragma unroll
  for (int j = 0; j < E; ++j) x[j] = clamped(x[j], o.low, o.high);
#pragma unroll 1
  for (int k = 0; k < o.knots; ++k) {
    const T t = f.knot[k];
#pragma unroll
    for (int j = 0; j < E; ++j) count_above(piece[j], x[j], t);
  }
#pragma unroll
  for (int j = 0; j < E; ++j) {
    const int i = piece[j];
    T y = rows.coef[0][i];
    if constexpr (D == 0) {
      y = x[j] == x[j] ? y : x[j];
    } else {
      const T u = x[j] - rows.base[i];
#pragma unroll
      for (int d = 1; d <= D; ++d) y = y * u + rows.coef[d][i];
      if constexpr (D > 1) y = o.select_limits ? limited(o, x[j], y) : y;
    }
    x[j] = y;
  }
}

// f(x) for any number of knots and any degree; rows are knots + 1 apart.
template <typename T>
HATACT_HD T evaluate(const Outline<T>& f, const T* knot, const T* base, const T* coef, T x) {
  x = clamped(f.period != 0 ? reduced(f, x) : x, f.low, f.high);
  int i = 0;
  for (int k = 0; k < f.knots; ++k) count_above(i, x, knot[k]);
  const T u = x - base[i];
  T y = coef[i];
  for (int d = 1; d <= f.degree; ++d) y = y * u + coef[d * (f.knots + 1) + i];
  return x == x ? limited(f, x, y) : x;
}

}  // namespace hatact
