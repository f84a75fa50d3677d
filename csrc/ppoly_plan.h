// A piecewise polynomial laid out for table look-ups, and the CPU kernels that read it.
//
// No torch and no standard containers here: the files that include this are compiled for
// instruction sets that the linker must not leak into shared inline functions.
#pragma once

#include <cstdint>

#include "cascade_plan.h"
#include "mlp_plan.h"

namespace hatact {

enum class Storage { f16, bf16, f32, f64 };

// Entry i of `base`, of `code` and of each coefficient row belongs to piece i; rows are `stride`
// apart, highest power first. Row length is padded, so that a kernel may load a whole register.
// Where all knots are multiples of a power of 2, h, and both tails are constant, the cell ⌈x/h⌉
// takes the place of the piece, with no compare: x/h is exact, and so is all that follows from
// it. The rows are in units of h, and repeat after `cells`; the codes are a cell's, too.
template <typename T>
struct Grid {
  int cells = 0;  // 0: none; else 8 or 16
  T inverse = 0;  // 1/h
  T low = 0, high = 0;
  const T* base = nullptr;
  const T* coef = nullptr;
  // For up to kFewCells cells and a degree of at most 1, the coefficients in powers of x/h itself:
  // f = folded[0]·x/h + folded[1]. Null where they would have to be rounded.
  const T* folded = nullptr;
  const T* code = nullptr;  // as Plan::code and Plan::code_bytes
  uint8_t code_bytes[16] = {};
};

template <typename T>
struct Plan {
  Grid<T> grid;
  int knots = 0;
  int degree = 0;
  int stride = 0;
  const T* knot = nullptr;
  const int16_t* key = nullptr;  // for half types: the knots as bits, see sort_key
  const T* base = nullptr;
  const T* coef = nullptr;
  // x is clamped to [low, high], where a tail is constant so that 0·inf never arises, and to the
  // base period, which rounding leaves once x is large.
  T low = 0, high = 0;
  // A tail whose limits Horner's rule does not find, and that are selected where x − base is ±inf:
  // neither constant nor of full degree in T, or constant from the largest number on.
  bool select_limits = false;
  T limit_low = 0, limit_high = 0;
  T origin = 0, period = 0;  // period 0: not periodic
  // Bits of a slope code, 0 for none; bit p of a piece's code is bit p of `code` from the top.
  int bits = 0;
  const T* code = nullptr;
  uint8_t code_bytes[16] = {};  // the codes again, of up to 16 pieces
};

// A half type's bits as an integer of the same order: −0 comes just below +0.
constexpr int16_t sort_key(uint16_t bits) {
  return static_cast<int16_t>(bits & 0x8000 ? bits ^ 0x7fff : bits);
}

// g is null, one element (scalar_g) or as long as x. y may be x. code is null, or written where
// the plan has bits, and starts at a group of its own.
struct Arrays {
  const void* x;
  const void* g;
  bool scalar_g;
  void* y;
  uint8_t* code;
  int64_t size;
};

// y = g·slope[code].
struct Coded {
  const void* g;
  bool scalar_g;
  const uint8_t* code;
  int bits;
  void* y;
  int64_t size;
};

constexpr int kFewCells = 4;
constexpr int kMinimumStride = 16;  // one AVX-512 register of float
constexpr int kCodeGroup = 8;       // elements whose codes share `bits` bytes

// T is float for f16, bf16 and f32, double for f64. `slopes` has kMinimumStride entries of T.
struct Kernels {
  void (*ppoly)(Storage, const void* plan, const Arrays&);
  void (*decode)(Storage, const void* slopes, const Coded&);
  void (*cascade)(Storage, const Cascade&);
  void (*product)(Storage, const Product&);
  void (*convert)(Storage, const Convert&);
  // Elements of a register, and of a panel of a product's B, where float and where double computes.
  struct Sizes { int width, panel; } of_float, of_double;
};

extern const Kernels portable_kernels, avx2_kernels, avx512_kernels;

}  // namespace hatact
