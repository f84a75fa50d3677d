// Eight lanes of plain C++ for ppoly_loop.h: what a compiler vectorises for any processor.
#pragma once

#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace hatact {
namespace {

template <typename Scalar>
struct Lanes {
  static constexpr int width = 8;
  static constexpr bool counts_bits = false, has_grid = false, packs_bytes = false;
  static constexpr int few = 0;
  static constexpr int product_rows = 4, product_registers = 1;
  static constexpr int table = 1 << 30;  // an indexed load takes a table of any length
  using T = Scalar;
  using F16 = c10::Half;
  using BF16 = c10::BFloat16;
  struct R { T at[width]; };
  struct I { int at[width]; };

  template <typename F>
  static R each(F f) {
    R r;
    for (int l = 0; l < width; ++l) r.at[l] = f(l);
    return r;
  }
  template <typename S>
  static T value(S v) { return static_cast<T>(v); }
  static R set(T v) { return each([&](int) { return v; }); }
  // Half types are converted out of line: inlined everywhere, their branches took GCC 12 three
  // minutes to compile.
  static void load(const T* p, R& a, R& b) {
    a = each([&](int l) { return p[l]; });
    b = each([&](int l) { return p[width + l]; });
  }
  template <typename S>
  __attribute__((noinline)) static void load(const S* p, R& a, R& b) {
    for (int l = 0; l < width; ++l) a.at[l] = static_cast<T>(p[l]);
    for (int l = 0; l < width; ++l) b.at[l] = static_cast<T>(p[width + l]);
  }
  static void store(T* p, const R& a, const R& b) {
    for (int l = 0; l < width; ++l) p[l] = a.at[l];
    for (int l = 0; l < width; ++l) p[width + l] = b.at[l];
  }
  template <typename S>
  __attribute__((noinline)) static void store(S* p, const R& a, const R& b) {
    for (int l = 0; l < width; ++l) p[l] = static_cast<S>(a.at[l]);
    for (int l = 0; l < width; ++l) p[width + l] = static_cast<S>(b.at[l]);
  }
  static R sub(const R& a, const R& b) { return each([&](int l) { return a.at[l] - b.at[l]; }); }
  static R mul(const R& a, const R& b) { return each([&](int l) { return a.at[l] * b.at[l]; }); }
  static R add(const R& a, const R& b) { return each([&](int l) { return a.at[l] + b.at[l]; }); }
  static R div(const R& a, const R& b) { return each([&](int l) { return a.at[l] / b.at[l]; }); }
  static R ceil(const R& a) { return each([&](int l) { return std::ceil(a.at[l]); }); }
  static R mul_add(const R& a, const R& b, const R& c) {
    return each([&](int l) { return a.at[l] * b.at[l] + c.at[l]; });
  }
  static R sub_mul(const R& a, const R& b, const R& c) {
    return each([&](int l) { return a.at[l] - b.at[l] * c.at[l]; });
  }
  // A NaN compares false with both bounds and stays.
  static R clamp(const R& x, const R& low, const R& high) {
    return each([&](int l) {
      const T v = x.at[l] < low.at[l] ? low.at[l] : x.at[l];
      return v > high.at[l] ? high.at[l] : v;
    });
  }
  static I zero_index() { return I{}; }
  // Adds 1 where x is right of the knot; a NaN is right of all.
  static I count_right(I i, const R& x, const R& knot) {
    for (int l = 0; l < width; ++l) i.at[l] += !(x.at[l] <= knot.at[l]);
    return i;
  }
  template <bool kGather>
  static I place(const I& i) { return i; }
  static const T* row(const T* p) { return p; }
  static R look_up(const T* row, const I& i) {
    return each([&](int l) { return row[i.at[l]]; });
  }
  // Bit `p` from the top of each lane; those of the two registers that load() makes of the same
  // elements; and those of a block, as its codes.
  static uint64_t plane(const R& v, int p) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    uint64_t plane = 0;
    for (int l = 0; l < width; ++l) {
      Bits bits;
      std::memcpy(&bits, &v.at[l], sizeof(T));
      plane |= static_cast<uint64_t>(bits >> (8 * sizeof(T) - 1 - p) & 1) << l;
    }
    return plane;
  }
  template <typename S>
  static uint64_t join(const S*, uint64_t a, uint64_t b) { return a | b << width; }
  template <int kBits>
  static void store_planes(uint8_t* code, const uint64_t (&plane)[kBits]) {
    for (int k = 0; k < 4 * kBits; ++k) {
      code[k] = static_cast<uint8_t>(plane[k % kBits] >> k / kBits * 8);
    }
  }
  template <int kBits, typename S>
  static void codes(const S*, const uint8_t* code, I& a, I& b) {
    const auto of = [&](const uint8_t* group, int l) {
      int at = 0;
      for (int p = 0; p < kBits; ++p) at |= (group[p] >> l & 1) << p;
      return at;
    };
    for (int l = 0; l < width; ++l) a.at[l] = of(code, l);
    for (int l = 0; l < width; ++l) b.at[l] = of(code + kBits, l);
  }
  static R read(const T* p) { return each([&](int l) { return p[l]; }); }
  static void write(T* p, const R& v) {
    for (int l = 0; l < width; ++l) p[l] = v.at[l];
  }
  template <typename S>
  __attribute__((noinline)) static R read(const S* p) {
    return each([&](int l) { return static_cast<T>(p[l]); });
  }
  template <typename S>
  __attribute__((noinline)) static void write(S* p, const R& v) {
    for (int l = 0; l < width; ++l) p[l] = static_cast<S>(v.at[l]);
  }
  template <typename S>
  static void count(S* p, int n) { *p = static_cast<S>(static_cast<float>(n)); }
  // v ≤ bound ? yes : no; max(v, 0), where NaN stays; v > 0 ? then : 0.
  static R if_at_most(const R& v, const R& bound, const R& yes, const R& no) {
    return each([&](int l) { return v.at[l] <= bound.at[l] ? yes.at[l] : no.at[l]; });
  }
  static R positive_part(const R& v) {
    return each([&](int l) { return v.at[l] < 0 ? 0 : v.at[l]; });
  }
  static R where_positive(const R& v, const R& then) {
    return each([&](int l) { return v.at[l] > 0 ? then.at[l] : 0; });
  }
  static R nan_where_nan(const R& v, const R& x) {
    return each([&](int l) { return std::isnan(x.at[l]) ? x.at[l] : v.at[l]; });
  }
  static R limits(const R& v, const R& x, const R& low, const R& high) {
    constexpr T inf = std::numeric_limits<T>::infinity();
    return each([&](int l) {
      return x.at[l] == inf ? high.at[l] : x.at[l] == -inf ? low.at[l] : v.at[l];
    });
  }
};

}  // namespace
}  // namespace hatact
