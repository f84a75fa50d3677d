// The numbers of a piecewise polynomial as the CPU kernels read them.
#pragma once

#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "code_host.h"
#include "ppoly_plan.h"

namespace hatact {

template <typename T>
class Tables {
 public:
  // With `code`, the pieces' codes too.
  Tables(const Numbers& p, Storage storage, const SlopeCode* code = nullptr) {
    const int n = static_cast<int>(p.knots.size()), pieces = p.pieces(), width = p.width();
    constexpr T inf = std::numeric_limits<T>::infinity();
    Plan<T>& s = plan_;
    s.knots = n;
    s.degree = width - 1;
    s.stride = std::max(kMinimumStride, pieces + 1);
    values_.resize(n + 1 + static_cast<size_t>(s.stride) * (width + 2));
    T* knot = values_.data();
    T* base = knot + n + 1;
    T* coef = base + s.stride;
    if (code != nullptr) {
      s.bits = code->bits();
      T* at = coef + static_cast<size_t>(width) * s.stride;
      for (size_t i = 0; i < code->index.size(); ++i) at[i] = with_top_bits(code->index[i]);
      s.code = at;
      if (p.period > 0) knot[s.knots++] = inf;  // right of it is NaN alone
    }
    for (int i = 0; i < n; ++i) knot[i] = static_cast<T>(p.knots[i]);
    for (int i = 0; i < pieces; ++i) {
      // After reduction x may be knots[0] itself, by rounding: piece 0 is then piece 1.
      const int from = p.period > 0 && i == 0 ? 1 : i;
      base[i] = knot[std::max(from - 1, 0)];
      for (int d = 0; d < width; ++d) {
        coef[static_cast<size_t>(d) * s.stride + i] = static_cast<T>(p.coeffs[from * width + d]);
      }
    }
    s.low = p.constant(0) ? knot[0] : -inf;
    // The least number above the last knot, and normal: where denormals are flushed, a compare
    // would take a denormal for 0.
    const T above = std::max(std::nextafter(knot[n - 1], inf),
                             knot[n - 1] + std::numeric_limits<T>::min());
    s.high = p.constant(n) ? above : inf;
    s.limit_low = static_cast<T>(p.limit(0, false));
    s.limit_high = static_cast<T>(p.limit(n, true));
    const auto ragged = [&](int i) { return !p.constant(i) && p.lead(i) > 0; };
    s.origin = knot[0];
    s.period = static_cast<T>(p.period);
    if (p.period > 0) {
      s.low = s.origin;
      s.high = s.origin + s.period;
    }
    const bool no_number_above = p.constant(n) && std::isinf(above);
    s.select_limits = p.period == 0 && (ragged(0) || ragged(n) || no_number_above);
    if (storage == Storage::bf16) key_knots<c10::BFloat16>(p);
    if (storage == Storage::f16) key_knots<c10::Half>(p);
    s.key = keys_.data();
    s.knot = knot;
    s.base = base;
    s.coef = coef;
  }

  const Plan<T>& plan() const { return plan_; }

 private:
  // A number whose bit p from the top is bit p of `code`: a kernel looks it up as any other.
  static T with_top_bits(int code) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    Bits bits = 0;
    for (int p = 0; p < 3; ++p) {
      bits |= static_cast<Bits>(code >> p & 1) << (8 * sizeof(T) - 1 - p);
    }
    T number;
    std::memcpy(&number, &bits, sizeof(T));
    return number;
  }

  // x > t, for x of a half type H, is x > the largest H that is not above t.
  template <typename H>
  void key_knots(const Numbers& p) {
    for (double exact : p.knots) {
      const float t = static_cast<float>(exact);
      const H near = static_cast<H>(t);
      const int16_t key = t == 0 ? int16_t{0} : sort_key(near.x);
      keys_.push_back(static_cast<int16_t>(key - (static_cast<float>(near) > t)));
    }
  }

  std::vector<T> values_;
  std::vector<int16_t> keys_;
  Plan<T> plan_;
};

}  // namespace hatact
