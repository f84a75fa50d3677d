// Products of small matrices and conversions of rows, for any register type V. Included once by each
// file that is compiled for one instruction set.

#include "cascade_loop.h"

namespace hatact {
namespace {

#define HATACT_UNROLL _Pragma("GCC unroll 16")

// kM rows of C, kN registers each, whose sums stay in registers.
template <typename V, int kM, int kN>
HATACT_INLINE void product_tile(const Product& p, const typename V::T* a, const typename V::T* b,
                                const typename V::T* bias, typename V::T* c) {
  using R = typename V::R;
  const int64_t a_row = p.a_row, a_step = p.a_step, b_step = p.b_step, c_row = p.c_row;
  R sum[kM][kN];
  HATACT_UNROLL for (int i = 0; i < kM; ++i) {
    HATACT_UNROLL for (int j = 0; j < kN; ++j) sum[i][j] = V::set(0);
  }
  for (int64_t k = p.depth; k > 0; --k) {
    R v[kN];
    HATACT_UNROLL for (int j = 0; j < kN; ++j) v[j] = V::read(b + j * V::width);
    HATACT_UNROLL for (int i = 0; i < kM; ++i) {
      const R u = V::set(a[i * a_row]);
      HATACT_UNROLL for (int j = 0; j < kN; ++j) sum[i][j] = V::mul_add(u, v[j], sum[i][j]);
    }
    a += a_step;
    b += b_step;
  }
  // What is there already and the bias come last: sums that start small round less (a third of the
  // error for 64 terms and a bias of their sum's size).
  HATACT_UNROLL for (int i = 0; i < kM; ++i) {
    HATACT_UNROLL for (int j = 0; j < kN; ++j) {
      typename V::T* const to = c + i * c_row + j * V::width;
      if (p.add) sum[i][j] = V::add(sum[i][j], V::read(to));
      if (bias != nullptr) sum[i][j] = V::add(sum[i][j], V::read(bias + j * V::width));
      V::write(to, sum[i][j]);
    }
  }
}

template <typename V, int kM, int kN>
void product_rows(const Product& p, const typename V::T* b, const typename V::T* bias,
                  typename V::T* c) {
  const auto* a = static_cast<const typename V::T*>(p.a);
  int64_t left = p.rows;
  for (; left >= kM; left -= kM) {
    product_tile<V, kM, kN>(p, a, b, bias, c);
    a += kM * p.a_row;
    c += kM * p.c_row;
  }
  if (left == 0) return;
  if constexpr (kM > 1) {
    Product rest = p;
    rest.a = a;
    rest.rows = left;
    constexpr int kFewer = kM > 4 ? 4 : kM > 2 ? 2 : 1;
    product_rows<V, kFewer, kN>(rest, b, bias, c);
  }
}

// kM rows at a time of all columns, in panels of kN registers and what is left.
template <typename V, int kM, int kN>
void product_columns(const Product& p, int64_t panel) {
  using T = typename V::T;
  const T* b = static_cast<const T*>(p.b);
  const T* bias = static_cast<const T*>(p.bias);
  T* c = static_cast<T*>(p.c);
  constexpr int64_t kPanel = kN * V::width;
  int64_t left = p.columns;
  for (; left >= kPanel; left -= kPanel) {
    product_rows<V, kM, kN>(p, b, bias, c);
    b += panel;
    c += kPanel;
    if (bias != nullptr) bias += kPanel;
  }
  if constexpr (kN > 1) {
    if (left == 0) return;
    Product rest = p;
    rest.b = b;
    rest.bias = bias;
    rest.c = c;
    rest.columns = left;
    constexpr int kFewer = kN / 2;
    product_columns<V, kM, kFewer>(rest, kFewer * V::width);
  }
}

// Longer sums are sums of sums, whose error grows with the roots of both counts.
constexpr int64_t kMostDepth = 128;

template <typename V>
void product_of(Product p) {
  using T = typename V::T;
  if (p.depth > kMostDepth) {
    Product part = p;
    part.depth = kMostDepth;
    part.bias = nullptr;
    for (; p.depth > kMostDepth; p.depth -= kMostDepth) {
      product_of<V>(part);
      part.add = p.add = true;
      part.a = p.a = static_cast<const T*>(p.a) + kMostDepth * p.a_step;
      part.b = p.b = static_cast<const T*>(p.b) + kMostDepth * p.b_step;
    }
  }
  constexpr int64_t kPanel = V::product_registers * V::width;
  // Few rows keep few sums: longer strips of each hide the latency of the additions. A B that is
  // packed in panels has no longer strips.
  if (p.b_panel == kPanel) {
    if (p.rows == 1) return product_columns<V, 1, 8>(p, 8 * V::width);
    if (p.rows <= 3) return product_columns<V, 3, 4>(p, 4 * V::width);
  }
  product_columns<V, V::product_rows, V::product_registers>(p, p.b_panel);
}

// The same for a B given as its columns, p.b_step apart and read in whole registers, as A's rows
// are: where columns are so few that a register of them would be mostly zeros.
template <typename V>
void product_by_dots(const Product& p) {
  using T = typename V::T;
  const T* a = static_cast<const T*>(p.a);
  const T* const bias = static_cast<const T*>(p.bias);
  T* c = static_cast<T*>(p.c);
  const int64_t registers = (p.depth + V::width - 1) / V::width;
  constexpr int kRows = 4;  // whose latencies hide each other
  for (int64_t i = 0; i < p.rows; i += kRows) {
    const int64_t here = p.rows - i < kRows ? p.rows - i : kRows;
    const T* row[kRows];
    for (int r = 0; r < kRows; ++r) row[r] = a + (r < here ? r : here - 1) * p.a_row;
    for (int64_t j = 0; j < p.columns; ++j) {
      const T* const b = static_cast<const T*>(p.b) + j * p.b_step;
      typename V::R sum[kRows];
      HATACT_UNROLL for (int r = 0; r < kRows; ++r) sum[r] = V::set(0);
      for (int64_t k = 0; k < registers; ++k) {
        const typename V::R v = V::read(b + k * V::width);
        HATACT_UNROLL for (int r = 0; r < kRows; ++r) {
          sum[r] = V::mul_add(V::read(row[r] + k * V::width), v, sum[r]);
        }
      }
      T part[kRows][V::width];
      HATACT_UNROLL for (int r = 0; r < kRows; ++r) V::write(part[r], sum[r]);
      for (int64_t r = 0; r < here; ++r) {
        for (int half = V::width / 2; half > 0; half /= 2) {
          for (int l = 0; l < half; ++l) part[r][l] += part[r][l + half];
        }
        c[r * p.c_row + j] = part[r][0] + (bias != nullptr ? bias[j] : 0);
      }
    }
    a += kRows * p.a_row;
    c += kRows * p.c_row;
  }
}

template <typename VF, typename VD>
void product_by_storage(Storage storage, const Product& p) {
  if (p.by_dots) return storage == Storage::f64 ? product_by_dots<VD>(p) : product_by_dots<VF>(p);
  return storage == Storage::f64 ? product_of<VD>(p) : product_of<VF>(p);
}

// Elements in the dtype that computes, or those in the dtype of storage.
template <typename V, typename S>
void convert(const Convert& c) {
  using T = typename V::T;
  T* wide = static_cast<T*>(c.wide);
  S* stored = static_cast<S*>(c.stored);
  int64_t i = 0;
  if (c.widen) {
    for (; i + V::width <= c.size; i += V::width) V::write(wide + i, V::read(stored + i));
  } else {
    for (; i + V::width <= c.size; i += V::width) V::write(stored + i, V::read(wide + i));
  }
  if (i == c.size) return;
  S last_stored[V::width] = {};
  T last_wide[V::width] = {};
  const int64_t left = c.size - i;
  if (c.widen) {
    for (int64_t l = 0; l < left; ++l) last_stored[l] = stored[i + l];
    V::write(last_wide, V::read(last_stored));
    for (int64_t l = 0; l < left; ++l) wide[i + l] = last_wide[l];
  } else {
    for (int64_t l = 0; l < left; ++l) last_wide[l] = wide[i + l];
    V::write(last_stored, V::read(last_wide));
    for (int64_t l = 0; l < left; ++l) stored[i + l] = last_stored[l];
  }
}

template <typename VF, typename VD>
void convert_by_storage(Storage storage, const Convert& c) {
  switch (storage) {
    case Storage::f16: return convert<VF, typename VF::F16>(c);
    case Storage::bf16: return convert<VF, typename VF::BF16>(c);
    case Storage::f32: return convert<VF, float>(c);
    case Storage::f64: return convert<VD, double>(c);
  }
}

template <typename VF, typename VD>
constexpr Kernels kernels = {
    &by_storage<VF, VD>,         &decode_by_storage<VF, VD>,   &cascade_by_storage<VF, VD>,
    &product_by_storage<VF, VD>, &convert_by_storage<VF, VD>,
    {VF::width, VF::product_registers * VF::width},
    {VD::width, VD::product_registers * VD::width}};

#undef HATACT_UNROLL
#undef HATACT_EACH

}  // namespace
}  // namespace hatact
