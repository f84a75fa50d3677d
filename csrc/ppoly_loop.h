// The loop over elements, for any register type V (see simd_*.h). Included once by each file
// that is compiled for one instruction set; everything is in that file's own namespace.

#include "ppoly_plan.h"

namespace hatact {
namespace {

#define HATACT_INLINE __attribute__((always_inline)) inline

// The registers whose knot comparisons run side by side: it hides the latency of the compare
// and pays the loop over knots once.
constexpr int kUnroll = 4;

// V::table of registers whose look-ups take a table of any length.
constexpr int kAnyTable = 1 << 30;

// f(0) … f(3), each with a constant index: a compiler keeps arrays so indexed in registers,
// which GCC 12 does not for the same loop.
template <int J>
struct Index { static constexpr int value = J; };
template <typename F>
HATACT_INLINE void unrolled(const F& f) {
  static_assert(kUnroll == 4, "one call a register");
  f(Index<0>{}), f(Index<1>{}), f(Index<2>{}), f(Index<3>{});
}

#define HATACT_EACH(body) \
  unrolled([&](auto index) __attribute__((always_inline)) { \
    constexpr int j = decltype(index)::value; \
    body; \
  })

// How an element finds its piece: by comparing with every knot, or as a cell of the grid. By `few`
// the table has at most V::few entries, and in few_cells the base is folded into it; `many_knots`
// looks up in memory.
enum class Find { knots, few_knots, many_knots, grid, few_cells };

constexpr bool by_cell(Find find) { return find == Find::grid || find == Find::few_cells; }

// A row of a table as look-ups take it: in registers where it fits.
template <typename V, Find kFind>
HATACT_INLINE auto row(const typename V::T* p) {
  if constexpr (kFind == Find::many_knots) {
    return p;
  } else if constexpr (kFind == Find::few_knots || kFind == Find::few_cells) {
    return V::few_row(p);
  } else {
    return V::row(p);
  }
}

template <typename V, int D, Find kFind>
struct Rows {
  using Row = decltype(row<V, kFind>(nullptr));
  Row base, code, coef[D < 0 ? 1 : D + 1];
  const typename V::T* more;
  int stride;

  explicit Rows(const Plan<typename V::T>& p)
      : base(row<V, kFind>(by_cell(kFind) ? p.grid.base : p.base)),
        code(row<V, kFind>(p.bits == 0 ? p.base : by_cell(kFind) ? p.grid.code : p.code)),
        more(kFind == Find::few_cells ? p.grid.folded : by_cell(kFind) ? p.grid.coef : p.coef),
        stride(p.stride) {
    for (int d = 0; d <= (D < 0 ? 0 : D); ++d) coef[d] = row<V, kFind>(more + d * stride);
  }
  HATACT_INLINE Row of(int d) const {
    if constexpr (D < 0) return row<V, kFind>(more + d * stride);
    else return coef[d];
  }
  // What is left of r in its piece, in whose powers the coefficients are.
  template <typename At>
  HATACT_INLINE typename V::R within(typename V::R r, At at) const {
    if constexpr (kFind == Find::few_cells) return r;
    else return V::sub(r, V::look_up(base, at));
  }
};

// The index of each x's piece, x having been reduced into the period and clamped.
template <typename V, typename S, bool kNanIsRight>
HATACT_INLINE void find_by_knots(const Plan<typename V::T>& p, const S* x,
                                 typename V::R (&r)[kUnroll], typename V::I (&i)[kUnroll]) {
  using R = typename V::R;
  HATACT_EACH(i[j] = V::zero_index());
  if (p.period != 0) {
    const R origin = V::set(p.origin), period = V::set(p.period), one = V::set(1);
    // Right of the origin no turn is taken back: the quotient may have underflowed to 0.
    HATACT_EACH(const R turns = V::sub(V::ceil(V::div(V::sub(r[j], origin), period)), one);
                const R kept = V::if_at_most(r[j], origin, turns, V::positive_part(turns));
                r[j] = V::sub_mul(r[j], kept, period));
  }
  const R low = V::set(p.low), high = V::set(p.high);
  HATACT_EACH(r[j] = V::clamp(r[j], low, high));
  if constexpr (V::counts_bits && sizeof(S) == 2) {
    // Half types compare as they are stored, twice as many a register, and count in 16 bits.
    if (p.period == 0 && p.knots <= 0xffff) {
      typename V::I low_half = V::zero_index(), high_half = low_half;
      const auto low_keys = V::template keys<kNanIsRight>(x);
      const auto high_keys = V::template keys<kNanIsRight>(x + 2 * V::width);
      for (int k = 0; k < p.knots; ++k) {
        low_half = V::count_right(low_half, low_keys, p.key[k]);
        high_half = V::count_right(high_half, high_keys, p.key[k]);
      }
      V::widen(x, low_half, i[0], i[1]);
      V::widen(x, high_half, i[2], i[3]);
      return;
    }
  }
  for (int k = 0; k < p.knots; ++k) {
    const R knot = V::set(p.knot[k]);
    HATACT_EACH(i[j] = V::count_right(i[j], r[j], knot));
  }
}

// x in units of the grid's cells, and the cell of each.
template <typename V>
HATACT_INLINE void find_by_cell(const Grid<typename V::T>& grid, typename V::R (&r)[kUnroll],
                                typename V::I (&i)[kUnroll]) {
  const auto inverse = V::set(grid.inverse), low = V::set(grid.low), high = V::set(grid.high);
  HATACT_EACH(r[j] = V::clamp(V::mul(r[j], inverse), low, high); i[j] = V::ceil_index(r[j]));
}

// The codes of the pieces, or cells, i.
template <typename V, Find kFind, int kBits, typename S, typename Row>
HATACT_INLINE void store_code(const Plan<typename V::T>& p, const S* x, Row row,
                              const typename V::I (&i)[kUnroll], uint8_t* code) {
  if constexpr (V::packs_bytes && kFind != Find::many_knots) {
    const uint8_t* const codes = by_cell(kFind) ? p.grid.code_bytes : p.code_bytes;
    V::template store_codes<kBits>(x, i, codes, code);
  } else {
    uint64_t plane[kBits];
    constexpr bool kGather = kFind == Find::many_knots;
    typename V::R c[kUnroll];
    HATACT_EACH(c[j] = V::look_up(row, V::template place<kGather>(i[j])));
    for (int b = 0; b < kBits; ++b) {
      plane[b] = V::join(x, V::plane(c[0], b), V::plane(c[1], b)) |
                 V::join(x, V::plane(c[2], b), V::plane(c[3], b)) << 2 * V::width;
    }
    V::template store_planes<kBits>(code, plane);
  }
}

template <typename V, typename S, int D, Find kFind, int kBits>
HATACT_INLINE void block(const Plan<typename V::T>& p, const Rows<V, D, kFind>& rows, const S* x,
                         const S* g, bool scalar_g, S* y, uint8_t* code) {
  using R = typename V::R;
  R r[kUnroll], v[kUnroll];
  typename V::I i[kUnroll];
  V::load(x, r[0], r[1]);
  V::load(x + 2 * V::width, r[2], r[3]);
  if constexpr (by_cell(kFind)) {
    find_by_cell<V>(p.grid, r, i);
  } else {
    find_by_knots<V, S, (kBits > 0)>(p, x, r, i);  // only a code tells where a NaN is counted
  }
  if constexpr (kBits > 0) store_code<V, kFind, kBits>(p, x, rows.code, i, code);
  const int degree = D < 0 ? p.degree : D;
  HATACT_EACH(
      const auto at = V::template place<kFind == Find::many_knots>(i[j]);
      v[j] = V::look_up(rows.of(0), at);
      if (degree == 0) {
        v[j] = V::nan_where_nan(v[j], r[j]);
      } else {
        const R u = rows.within(r[j], at);
        for (int d = 1; d <= degree; ++d) {
          v[j] = V::mul_add(v[j], u, V::look_up(rows.of(d), at));
        }
      });
  if (p.select_limits) {  // no grid has such a tail
    const R at_low = V::set(p.limit_low), at_high = V::set(p.limit_high);
    HATACT_EACH(const auto at = V::template place<kFind == Find::many_knots>(i[j]);
                v[j] = V::limits(v[j], rows.within(r[j], at), at_low, at_high));
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
}

template <typename V, typename S, int D, Find kFind, int kBits>
void loop(const Plan<typename V::T>& plan, const Arrays& a) {
  constexpr int kBlock = kUnroll * V::width;
  const Plan<typename V::T> p = plan;  // copies that no store to y can alias
  const Rows<V, D, kFind> rows(p);
  const S* x = static_cast<const S*>(a.x);
  const S* g = static_cast<const S*>(a.g);
  S* y = static_cast<S*>(a.y);
  uint8_t* code = a.code;
  const bool scalar_g = a.scalar_g;
  const int64_t step_g = g == nullptr || scalar_g ? 0 : kBlock;
  int64_t left = a.size;
  for (; left >= kBlock; left -= kBlock) {
    block<V, S, D, kFind, kBits>(p, rows, x, g, scalar_g, y, code);
    x += kBlock;
    y += kBlock;
    g += step_g;
    code += kBlock / kCodeGroup * kBits;
  }
  if (left == 0) return;
  // The last elements go through copies and this same function: a second block() to compile would
  // double the time that takes.
  S last_x[kBlock] = {}, last_g[kBlock] = {}, last_y[kBlock];
  for (int64_t i = 0; i < left; ++i) last_x[i] = x[i];
  if (g != nullptr) {
    for (int64_t i = 0; i < (scalar_g ? 1 : left); ++i) last_g[i] = g[i];
  }
  uint8_t last_code[kBlock / kCodeGroup * kBits + 1];
  loop<V, S, D, kFind, kBits>(
      plan, {last_x, g == nullptr ? nullptr : last_g, scalar_g, last_y, last_code, kBlock});
  for (int64_t i = 0; i < left; ++i) y[i] = last_y[i];
  for (int64_t i = 0; i < left; i += kCodeGroup) {
    const int64_t here = left - i;
    const uint8_t used = here < kCodeGroup ? (1 << here) - 1 : 0xff;
    const int64_t at = i / kCodeGroup * kBits;
    for (int b = 0; b < kBits; ++b) code[at + b] = last_code[at + b] & used;
  }
}

template <typename V, typename S, Find kFind, int kBits>
void coded(const Plan<typename V::T>& p, const Arrays& a) {
  return p.degree == 0 ? loop<V, S, 0, kFind, kBits>(p, a) : loop<V, S, 1, kFind, kBits>(p, a);
}

template <typename V, typename S, Find kFind>
void by_bits(const Plan<typename V::T>& p, const Arrays& a) {
  switch (p.bits) {
    case 1: return coded<V, S, kFind, 1>(p, a);
    case 2: return coded<V, S, kFind, 2>(p, a);
    case 3: return coded<V, S, kFind, 3>(p, a);
    default: break;
  }
  if constexpr (kFind == Find::many_knots) return loop<V, S, -1, kFind, 0>(p, a);
  if constexpr (kFind == Find::few_knots || kFind == Find::few_cells) {
    return p.degree == 0 ? loop<V, S, 0, kFind, 0>(p, a) : loop<V, S, 1, kFind, 0>(p, a);
  }
  switch (p.degree) {
    case 0: return loop<V, S, 0, kFind, 0>(p, a);
    case 1: return loop<V, S, 1, kFind, 0>(p, a);
    case 2: return loop<V, S, 2, kFind, 0>(p, a);
    case 3: return loop<V, S, 3, kFind, 0>(p, a);
    default: return loop<V, S, -1, kFind, 0>(p, a);
  }
}

template <typename V, typename S>
void by_degree(const Plan<typename V::T>& p, const Arrays& a) {
  if constexpr (V::has_grid) {
    if constexpr (V::few > 0) {
      if (p.grid.folded != nullptr) return by_bits<V, S, Find::few_cells>(p, a);
    }
    if (p.grid.cells > 0 && p.grid.cells <= V::table) return by_bits<V, S, Find::grid>(p, a);
  }
  if constexpr (V::few > 0) {
    if (p.knots < V::few && p.degree <= 1) return by_bits<V, S, Find::few_knots>(p, a);
  }
  if constexpr (V::table < kAnyTable) {
    if (p.knots >= V::table) return by_bits<V, S, Find::many_knots>(p, a);
  }
  return by_bits<V, S, Find::knots>(p, a);
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
