// The triangle cascade and its backward for any register type V, over the rows of one chunk; then all
// loops as Kernels. Included once by each file that is compiled for one instruction set.

#include "code_loop.h"

namespace hatact {
namespace {

// T(v) of one register, given whether a layer's v lies left of the peak: what reference_cascade.py
// computes, to the bit.
template <typename V>
HATACT_INLINE typename V::R triangle(typename V::R v, typename V::R peak, typename V::R rise,
                                     typename V::R fall) {
  const auto up = V::mul(v, rise), down = V::mul(V::sub(V::set(1), v), fall);
  return V::positive_part(V::if_at_most(v, peak, up, down));
}

// Two rows of a pair of registers: j = 0, 1 are those of the first row, 2, 3 of the second.
template <typename V, typename S>
HATACT_INLINE void load_rows(const S* p, int64_t row, typename V::R (&r)[kUnroll]) {
  V::load(p, r[0], r[1]);
  V::load(p + row, r[2], r[3]);
}
template <typename V, typename S>
HATACT_INLINE void store_rows(S* p, int64_t row, const typename V::R (&r)[kUnroll]) {
  V::store(p, r[0], r[1]);
  V::store(p + row, r[2], r[3]);
}

// Constant `which` of a layer, for register j of a block.
template <typename V>
HATACT_INLINE typename V::R constant(const typename V::T* layer, int which, int j) {
  return V::read(layer + (2 * which + j % 2) * V::width);
}

template <typename V, typename S>
void cascade_forward(const Cascade& c) {
  using R = typename V::R;
  constexpr int kPair = 2 * V::width, kLayer = kCascadeRows * kPair;
  const auto* table = static_cast<const typename V::T*>(c.table);
  for (int64_t pair = 0; pair < c.row; pair += kPair, table += c.depth * kLayer) {
    const S* x = static_cast<const S*>(c.x) + pair;
    S* y = static_cast<S*>(c.y) + pair;
    for (int64_t n = 0; n < c.rows; n += 2, x += 2 * c.row, y += 2 * c.row) {
      R v[kUnroll], sum[kUnroll];
      load_rows<V>(x, c.row, v);
      HATACT_EACH(sum[j] = V::set(0));
      const typename V::T* layer = table;
      for (int i = 0; i < c.depth; ++i, layer += kLayer) {
        HATACT_EACH(v[j] = triangle<V>(v[j], constant<V>(layer, kPeak, j),
                                       constant<V>(layer, kRise, j), constant<V>(layer, kFall, j));
                    sum[j] = V::mul_add(constant<V>(layer, kScale, j), v[j], sum[j]));
      }
      store_rows<V>(y, c.row, sum);
    }
  }
}

// Adds the block's two rows to a layer's sums, of which a pair of registers is for the peaks and
// one for the scales.
template <typename V>
HATACT_INLINE void add_to(typename V::T* sums, const typename V::R (&r)[kUnroll]) {
  for (int h = 0; h < 2; ++h) {
    typename V::T* const at = sums + h * V::width;
    V::write(at, V::add(V::read(at), V::add(r[h], r[2 + h])));
  }
}

template <typename V, typename S>
void cascade_backward(const Cascade& c) {
  using T = typename V::T;
  using R = typename V::R;
  constexpr int kPair = 2 * V::width, kLayer = kCascadeRows * kPair;
  const auto* table = static_cast<const T*>(c.table);
  T* sums = static_cast<T*>(c.sums);
  T* const kept = static_cast<T*>(c.scratch);  // x, then every W but the last, a block of each
  for (int64_t pair = 0; pair < c.row; pair += kPair, table += c.depth * kLayer) {
    const S* x = static_cast<const S*>(c.x) + pair;
    const S* g = static_cast<const S*>(c.g) + pair;
    S* gx = static_cast<S*>(c.y) + pair;
    for (int64_t n = 0; n < c.rows; n += 2, x += 2 * c.row, g += 2 * c.row, gx += 2 * c.row) {
      R v[kUnroll], w[kUnroll], factor[kUnroll], e[kUnroll];
      load_rows<V>(x, c.row, v);
      const T* layer = table;
      for (int i = 0; i < c.depth; ++i, layer += kLayer) {
        HATACT_EACH(V::write(kept + (kUnroll * i + j) * V::width, v[j]);
                    v[j] = triangle<V>(v[j], constant<V>(layer, kPeak, j),
                                       constant<V>(layer, kRise, j), constant<V>(layer, kFall, j)));
      }
      load_rows<V>(g, c.row, factor);
      HATACT_EACH(w[j] = v[j]; e[j] = V::set(0));
      for (int i = c.depth - 1; i >= 0; --i) {
        layer -= kLayer;
        R of_peak[kUnroll], of_scale[kUnroll];
        HATACT_EACH(
            v[j] = V::read(kept + (kUnroll * i + j) * V::width);
            const R slope = V::if_at_most(v[j], constant<V>(layer, kPeak, j),
                                          constant<V>(layer, kRise, j),
                                          V::sub(V::set(0), constant<V>(layer, kFall, j)));
            e[j] = V::mul_add(factor[j], constant<V>(layer, kScale, j), e[j]);
            const R moved = V::mul(e[j], slope);
            of_peak[j] = V::mul(moved, w[j]); of_scale[j] = V::mul(factor[j], w[j]);
            e[j] = V::where_positive(w[j], moved); w[j] = v[j]);
        add_to<V>(sums + (2 * i) * kPair, of_peak);
        add_to<V>(sums + (2 * i + 1) * kPair, of_scale);
      }
      HATACT_EACH(e[j] = V::nan_where_nan(e[j], w[j]));
      store_rows<V>(gx, c.row, e);
    }
    sums += c.depth * 2 * kPair;
  }
}

// The element, of a pair's, that load() brings into each lane.
template <typename V, typename S>
void lanes(int16_t* element) {
  S elements[2 * V::width];
  typename V::T at[2 * V::width];
  for (int k = 0; k < 2 * V::width; ++k) V::count(elements + k, k);
  typename V::R a, b;
  V::load(elements, a, b);
  V::write(at, a);
  V::write(at + V::width, b);
  for (int k = 0; k < 2 * V::width; ++k) element[k] = static_cast<int16_t>(at[k]);
}

template <typename V, typename S>
void cascade_of(const Cascade& c) {
  switch (c.step) {
    case Cascade::Step::lanes: return lanes<V, S>(c.lanes);
    case Cascade::Step::forward: return cascade_forward<V, S>(c);
    case Cascade::Step::backward: return cascade_backward<V, S>(c);
  }
}

template <typename VF, typename VD>
void cascade_by_storage(Storage storage, const Cascade& c) {
  switch (storage) {
    case Storage::f16: return cascade_of<VF, typename VF::F16>(c);
    case Storage::bf16: return cascade_of<VF, typename VF::BF16>(c);
    case Storage::f32: return cascade_of<VF, float>(c);
    case Storage::f64: return cascade_of<VD, double>(c);
  }
}

}  // namespace
}  // namespace hatact
