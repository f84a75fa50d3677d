// The loop over elements, for any register type V (see simd_*.h). Included once by each file
// that is compiled for one instruction set; everything is in that file's own namespace.

#include "ppoly_plan.h"

namespace hatact {
namespace {

#define HATACT_INLINE __attribute__((always_inline)) inline

// The registers whose knot comparisons run side by side: it hides the latency of the compare
// and pays the loop over knots once.
constexpr int kUnroll = 4;

// f(0) … f(3), each with a constant index: a compiler keeps arrays so indexed in registers,
// which GCC 12 does not for the same loop.
template <int J>
struct Index { static constexpr int value = J; };
template <typename F>
HATACT_INLINE void unrolled(const F& f) {
  static_assert(kUnroll == 4, "one call a register");
  f(Index<0>{}), f(Index<1>{}), f(Index<2>{}), f(Index<3>{});
}

template <typename V, typename S, int D, bool kGather>
HATACT_INLINE void block(const Plan<typename V::T>& p, const S* x, const S* g, bool scalar_g,
                         S* y) {
  using R = typename V::R;
  R r[kUnroll], v[kUnroll];
  typename V::I i[kUnroll];
#define HATACT_EACH(body) \
  unrolled([&](auto index) __attribute__((always_inline)) { \
    constexpr int j = decltype(index)::value; \
    body; \
  })
  V::load(x, r[0], r[1]);
  V::load(x + 2 * V::width, r[2], r[3]);
  HATACT_EACH(i[j] = V::zero_index());
  if (p.period != 0) {
    const R origin = V::set(p.origin), period = V::set(p.period), one = V::set(1);
    HATACT_EACH(const R turns = V::sub(V::ceil(V::div(V::sub(r[j], origin), period)), one);
                r[j] = V::sub_mul(r[j], turns, period));
  }
  const auto count = [&]() __attribute__((always_inline)) {
    for (int k = 0; k < p.knots; ++k) {
      const R knot = V::set(p.knot[k]);
      HATACT_EACH(i[j] = V::count_greater(i[j], r[j], knot));
    }
  };
  const R low = V::set(p.low), high = V::set(p.high);
  HATACT_EACH(r[j] = V::clamp(r[j], low, high));
  if constexpr (V::counts_bits && sizeof(S) == 2) {
    // Half types compare as they are stored, twice as many a register, and count in 16 bits.
    if (p.period == 0 && p.knots <= 0xffff) {
      typename V::I low_half = V::zero_index(), high_half = low_half;
      const auto low_keys = V::keys(x), high_keys = V::keys(x + 2 * V::width);
      for (int k = 0; k < p.knots; ++k) {
        low_half = V::count_greater(low_half, low_keys, p.key[k]);
        high_half = V::count_greater(high_half, high_keys, p.key[k]);
      }
      V::widen(x, low_half, i[0], i[1]);
      V::widen(x, high_half, i[2], i[3]);
    } else {
      count();
    }
  } else {
    count();
  }
  const int degree = D < 0 ? p.degree : D;
  HATACT_EACH(
      const auto at = V::template place<kGather>(i[j]);
      v[j] = V::template look_up<kGather>(p.coef, at);
      if (degree == 0) {
        v[j] = V::nan_where_nan(v[j], r[j]);
      } else {
        const R u = V::sub(r[j], V::template look_up<kGather>(p.base, at));
        for (int d = 1; d <= degree; ++d) {
          v[j] = V::mul_add(v[j], u, V::template look_up<kGather>(p.coef + d * p.stride, at));
        }
      });
  if (p.select_limits) {
    const R at_low = V::set(p.limit_low), at_high = V::set(p.limit_high);
    HATACT_EACH(v[j] = V::limits(v[j], r[j], at_low, at_high));
  }
  if (g != nullptr && scalar_g) {
    const R factor = V::set(V::value(*g));
    HATACT_EACH(v[j] = V::mul(v[j], factor));
  } else if (g != nullptr) {
    R factor[kUnroll];
    V::load(g, factor[0], factor[1]);
    V::load(g + 2 * V::width, factor[2], factor[3]);
    HATACT_EACH(v[j] = V::mul(v[j], factor[j]));
  }
  V::store(y, v[0], v[1]);
  V::store(y + 2 * V::width, v[2], v[3]);
#undef HATACT_EACH
}

template <typename V, typename S, int D, bool kGather>
void loop(const Plan<typename V::T>& plan, const Arrays& a) {
  constexpr int kBlock = kUnroll * V::width;
  const Plan<typename V::T> p = plan;  // a copy that no store to y can alias
  const S* x = static_cast<const S*>(a.x);
  const S* g = static_cast<const S*>(a.g);
  S* y = static_cast<S*>(a.y);
  const bool scalar_g = a.scalar_g;
  const int64_t step_g = g == nullptr || scalar_g ? 0 : kBlock;
  int64_t left = a.size;
  for (; left >= kBlock; left -= kBlock) {
    block<V, S, D, kGather>(p, x, g, scalar_g, y);
    x += kBlock;
    y += kBlock;
    g += step_g;
  }
  if (left == 0) return;
  S last_x[kBlock] = {}, last_g[kBlock] = {}, last_y[kBlock];
  for (int64_t i = 0; i < left; ++i) last_x[i] = x[i];
  if (g != nullptr) {
    for (int64_t i = 0; i < (scalar_g ? 1 : left); ++i) last_g[i] = g[i];
  }
  block<V, S, D, kGather>(p, last_x, g == nullptr ? nullptr : last_g, scalar_g, last_y);
  for (int64_t i = 0; i < left; ++i) y[i] = last_y[i];
}

template <typename V, typename S>
void by_degree(const Plan<typename V::T>& p, const Arrays& a) {
  if (p.knots >= V::table) return loop<V, S, -1, true>(p, a);
  switch (p.degree) {
    case 0: return loop<V, S, 0, false>(p, a);
    case 1: return loop<V, S, 1, false>(p, a);
    case 2: return loop<V, S, 2, false>(p, a);
    case 3: return loop<V, S, 3, false>(p, a);
    default: return loop<V, S, -1, false>(p, a);
  }
}

template <typename VF, typename VD>
void by_storage(Storage storage, const void* plan, const Arrays& a) {
  const auto& single = *static_cast<const Plan<float>*>(plan);
  switch (storage) {
    case Storage::f16: return by_degree<VF, typename VF::F16>(single, a);
    case Storage::bf16: return by_degree<VF, typename VF::BF16>(single, a);
    case Storage::f32: return by_degree<VF, float>(single, a);
    case Storage::f64: return by_degree<VD, double>(*static_cast<const Plan<double>*>(plan), a);
  }
}

}  // namespace
}  // namespace hatact
