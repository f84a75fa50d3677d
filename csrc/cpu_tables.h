// The numbers of a piecewise polynomial as the CPU kernels read them.
#pragma once

#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "about_zero.h"
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
    const size_t grid_at = n + 1 + static_cast<size_t>(s.stride) * (width + 2);
    values_.resize(grid_at + static_cast<size_t>(s.stride) * (2 * width + 2));
    T* knot = values_.data();
    T* base = knot + n + 1;
    T* coef = base + s.stride;
    if (code != nullptr) {
      s.bits = code->bits();
      T* at = coef + static_cast<size_t>(width) * s.stride;
      for (size_t i = 0; i < code->index.size(); ++i) at[i] = with_top_bits(code->index[i]);
      s.code = at;
      if (code->index.size() <= sizeof s.code_bytes) {
        std::copy(code->index.begin(), code->index.end(), s.code_bytes);
      }
      if (p.period > 0) knot[s.knots++] = inf;  // right of it is NaN alone
    }
    for (int i = 0; i < n; ++i) knot[i] = rounded<T>(p.knots[i]);
    for (int i = 0; i < pieces; ++i) {
      // After reduction x may be knots[0] itself, by rounding: piece 0 is then piece 1.
      const int from = p.period > 0 && i == 0 ? 1 : i;
      base[i] = knot[std::max(from - 1, 0)];
      for (int d = 0; d < width; ++d) {
        coef[static_cast<size_t>(d) * s.stride + i] = rounded<T>(p.coeffs[from * width + d]);
      }
      const double* const last = &p.coeffs[(from + 1) * width - 1];
      double moved;
      if (p.lead(from) == width - 2 &&
          about_zero<T>(last[-1], *last, p.knots[std::max(from - 1, 0)], moved)) {
        base[i] = 0;
        coef[static_cast<size_t>(width - 1) * s.stride + i] = rounded<T>(moved);
      }
    }
    s.low = p.constant(0) ? knot[0] : -inf;
    // The least number above the last knot, and normal: where denormals are flushed, a compare
    // would take a denormal for 0.
    const T above = std::max(std::nextafter(knot[n - 1], inf),
                             knot[n - 1] + std::numeric_limits<T>::min());
    s.high = p.constant(n) ? above : inf;
    s.limit_low = rounded<T>(p.limit(0, false));
    s.limit_high = rounded<T>(p.limit(n, true));
    const auto ragged = [&](int i) { return !p.constant(i) && rounded<T>(p.coeffs[i * width]) == 0; };
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
    // A NaN finds cell 0 and code 0, so those must be what a NaN is to have.
    if (code == nullptr || code->index.back() == 0) lay_grid(p, values_.data() + grid_at);
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

  // The rows of a Grid, if the polynomial has one.
  void lay_grid(const Numbers& p, T* rows) {
    const int n = static_cast<int>(p.knots.size()), width = p.width();
    if (p.period > 0 || !p.constant(0) || !p.constant(n) || p.knots[0] < 0) return;
    double h = 1;
    const auto multiples = [&] {
      return std::all_of(p.knots.begin(), p.knots.end(),
                         [&](double t) { return t / h == std::floor(t / h); });
    };
    while (!multiples() && h > 0x1p-20) h /= 2;
    const double last = p.knots.back() / h + 1;  // the cell right of all knots
    if (!multiples() || last >= 16) return;
    Grid<T> grid;
    grid.cells = last < 8 ? 8 : 16;
    grid.inverse = static_cast<T>(1 / h);
    grid.high = static_cast<T>(last);
    T* const code = rows + plan_.stride;
    T* const coef = code + plan_.stride;
    for (int e = 0, piece = 0; e < 16; ++e) {
      const int cell = e % grid.cells;
      if (cell == 0) piece = 0;
      while (piece < n && p.knots[piece] / h <= cell - 1) ++piece;
      rows[e] = static_cast<T>(p.knots[std::max(piece - 1, 0)] / h);
      T unit = 1;
      for (int d = width; d-- > 0; unit *= static_cast<T>(h)) {
        const T c = rounded<T>(p.coeffs[piece * width + d]), scaled = c * unit;
        if (scaled / unit != c || (c != 0 && !std::isnormal(scaled))) return;
        coef[static_cast<size_t>(d) * plan_.stride + e] = scaled;
      }
      if (plan_.bits > 0) {
        code[e] = plan_.code[piece];
        grid.code_bytes[e] = plan_.code_bytes[piece];
      }
    }
    grid.base = rows;
    grid.code = code;
    grid.coef = coef;
    T* const folded = coef + static_cast<size_t>(width) * plan_.stride;
    if (last < kFewCells && fold(rows, coef, width, folded)) grid.folded = folded;
    plan_.grid = grid;
  }

  // Rows of c₀ and c₁ − c₀·base: c₀·(r − base) + c₁ rounded once is then c₀·r + … rounded once. Tells
  // whether nothing had to be rounded here.
  bool fold(const T* base, const T* coef, int width, T* folded) const {
    if (width > 2) return false;
    const T* const constant = coef + (width == 2 ? plan_.stride : 0);
    T* const to = folded + (width == 2 ? plan_.stride : 0);
    for (int e = 0; e < kFewCells; ++e) {
      const T slope = width == 2 ? coef[e] : 0;
      if (width == 2) folded[e] = slope;
      // Both products are exact in twice the width, whose sum is checked to be.
      const long double moved = static_cast<long double>(slope) * base[e];
      const long double sum = constant[e] - moved;
      to[e] = static_cast<T>(sum);
      if (constant[e] - sum != moved || sum + moved != constant[e] || to[e] != sum) return false;
    }
    return true;
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
