// The loop over elements, for any register type V (see simd_*.h). Included once by each file
// that is compiled for one instruction set; everything is in that file's own namespace.

#include "ppoly_plan.h"

namespace hatact {
namespace {

// The registers whose knot comparisons run side by side: it hides the latency of the compare
// and pays the loop over knots once.
constexpr int kUnroll = 4;

template <typename V, typename S, int D, bool kGather>
void block(const Plan<typename V::T>& p, const S* x, const S* g, bool scalar_g, S* y) {
  using R = typename V::R;
  R r[kUnroll];
  typename V::I i[kUnroll];
  for (int j = 0; j < kUnroll; ++j) {
    r[j] = V::load(x + j * V::width);
    i[j] = V::zero_index();
  }
  if (p.period != 0) {
    const R origin = V::set(p.origin), period = V::set(p.period), one = V::set(1);
    for (int j = 0; j < kUnroll; ++j) {
      const R turns = V::sub(V::ceil(V::div(V::sub(r[j], origin), period)), one);
      r[j] = V::sub_mul(r[j], turns, period);
    }
  }
  const R low = V::set(p.low), high = V::set(p.high);
  for (int j = 0; j < kUnroll; ++j) r[j] = V::clamp(r[j], low, high);
  for (int k = 0; k < p.knots; ++k) {
    const R knot = V::set(p.knot[k]);
    for (int j = 0; j < kUnroll; ++j) i[j] = V::count_greater(i[j], r[j], knot);
  }
  const int degree = D < 0 ? p.degree : D;
  for (int j = 0; j < kUnroll; ++j) {
    const auto at = V::template place<kGather>(i[j]);
    R v = V::template look_up<kGather>(p.coef, at);
    if (D == 0) {
      v = V::nan_where_nan(v, r[j]);
    } else {
      const R u = V::sub(r[j], V::template look_up<kGather>(p.base, at));
      for (int d = 1; d <= degree; ++d) {
        v = V::mul_add(v, u, V::template look_up<kGather>(p.coef + d * p.stride, at));
      }
      if (D < 0 && degree == 0) v = V::nan_where_nan(v, r[j]);
    }
    if (p.select_limits) v = V::limits(v, r[j], V::set(p.limit_low), V::set(p.limit_high));
    if (g != nullptr) v = V::mul(v, scalar_g ? V::set(V::value(*g)) : V::load(g + j * V::width));
    V::store(y + j * V::width, v);
  }
}

template <typename V, typename S, int D, bool kGather>
void loop(const Plan<typename V::T>& p, const Arrays& a) {
  constexpr int kBlock = kUnroll * V::width;
  const S* x = static_cast<const S*>(a.x);
  const S* g = static_cast<const S*>(a.g);
  S* y = static_cast<S*>(a.y);
  const int64_t whole = a.size - a.size % kBlock;
  const auto g_at = [&](int64_t i) { return g == nullptr || a.scalar_g ? g : g + i; };
  for (int64_t i = 0; i < whole; i += kBlock) {
    block<V, S, D, kGather>(p, x + i, g_at(i), a.scalar_g, y + i);
  }
  const int64_t rest = a.size - whole;
  if (rest == 0) return;
  S last_x[kBlock] = {}, last_g[kBlock] = {}, last_y[kBlock];
  for (int64_t i = 0; i < rest; ++i) last_x[i] = x[whole + i];
  if (g != nullptr) {
    for (int64_t i = 0; i < (a.scalar_g ? 1 : rest); ++i) last_g[i] = g_at(whole)[i];
  }
  block<V, S, D, kGather>(p, last_x, g == nullptr ? nullptr : last_g, a.scalar_g, last_y);
  for (int64_t i = 0; i < rest; ++i) y[whole + i] = last_y[i];
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
