// The loop that decodes, g·slope[code], for any register type V. Included once by each file that is
// compiled for one instruction set.

#include "ppoly_loop.h"

namespace hatact {
namespace {

template <typename V, typename S, int kBits, typename Row>
HATACT_INLINE void decode_block(Row slopes, const S* g, bool scalar_g,
                                const uint8_t* code, S* y) {
  constexpr int kHalf = 2 * V::width / kCodeGroup * kBits;  // bytes for two registers
  typename V::R v[kUnroll], factor[kUnroll];
  typename V::I i[kUnroll];
  V::template codes<kBits>(y, code, i[0], i[1]);
  V::template codes<kBits>(y, code + kHalf, i[2], i[3]);
  if (scalar_g) {
    HATACT_EACH(factor[j] = V::set(V::value(*g)));
  } else {
    V::load(g, factor[0], factor[1]);
    V::load(g + 2 * V::width, factor[2], factor[3]);
  }
  HATACT_EACH(v[j] = V::mul(V::look_up(slopes, V::template place<false>(i[j])),
                            factor[j]));
  V::store(y, v[0], v[1]);
  V::store(y + 2 * V::width, v[2], v[3]);
}

template <typename V, typename S, int kBits>
void decode_loop(const typename V::T* table, const Coded& a) {
  constexpr Find kFind = 1 << kBits <= V::few ? Find::few_knots : Find::knots;
  const auto slopes = row<V, kFind>(table);
  constexpr int kBlock = kUnroll * V::width, kBytes = kBlock / kCodeGroup * kBits;
  const S* g = static_cast<const S*>(a.g);
  S* y = static_cast<S*>(a.y);
  const uint8_t* code = a.code;
  const bool scalar_g = a.scalar_g;
  int64_t left = a.size;
  for (; left >= kBlock; left -= kBlock) {
    decode_block<V, S, kBits>(slopes, g, scalar_g, code, y);
    g += scalar_g ? 0 : kBlock;
    y += kBlock;
    code += kBytes;
  }
  if (left == 0) return;
  S last_g[kBlock] = {}, last_y[kBlock];
  uint8_t last_code[kBytes] = {};
  for (int64_t i = 0; i < (scalar_g ? 1 : left); ++i) last_g[i] = g[i];
  const int64_t bytes = (left + kCodeGroup - 1) / kCodeGroup * kBits;
  for (int64_t i = 0; i < bytes; ++i) last_code[i] = code[i];
  decode_block<V, S, kBits>(slopes, last_g, scalar_g, last_code, last_y);
  for (int64_t i = 0; i < left; ++i) y[i] = last_y[i];
}

template <typename V, typename S>
void decode(const void* slopes, const Coded& a) {
  const auto* at = static_cast<const typename V::T*>(slopes);
  switch (a.bits) {
    case 1: return decode_loop<V, S, 1>(at, a);
    case 2: return decode_loop<V, S, 2>(at, a);
    default: return decode_loop<V, S, 3>(at, a);
  }
}

template <typename VF, typename VD>
void decode_by_storage(Storage storage, const void* slopes, const Coded& a) {
  switch (storage) {
    case Storage::f16: return decode<VF, typename VF::F16>(slopes, a);
    case Storage::bf16: return decode<VF, typename VF::BF16>(slopes, a);
    case Storage::f32: return decode<VF, float>(slopes, a);
    case Storage::f64: return decode<VD, double>(slopes, a);
  }
}

}  // namespace
}  // namespace hatact
