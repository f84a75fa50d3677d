// AVX-512 (F, BW, DQ, VL) registers of float (16) and double (8) for ppoly_loop.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "simd_x86.h"

namespace hatact {
namespace {

struct F16Bits { uint16_t bits; };
struct BF16Bits { uint16_t bits; };

struct F32x16 {
  using T = float;
  using R = __m512;
  using I = __m512i;
  using F16 = F16Bits;
  using BF16 = BF16Bits;
  static constexpr int width = 16;
  static constexpr int few = 0;
  static constexpr int table = 16;  // pieces that one vpermps can look up
  static constexpr bool has_grid = true, packs_bytes = true;
  static constexpr bool counts_bits = true;
  // The largest tile of a product whose sums, a row of B and an element of A fill the registers.
  static constexpr int product_rows = 6, product_registers = 4;

  static R set(float v) { return _mm512_set1_ps(v); }
  static void load(const float* p, R& a, R& b) {
    a = _mm512_loadu_ps(p);
    b = _mm512_loadu_ps(p + 16);
  }
  static void load(const F16* p, R& a, R& b) {
    const __m256i* bits = reinterpret_cast<const __m256i*>(p);
    a = _mm512_cvtph_ps(_mm256_loadu_si256(bits));
    b = _mm512_cvtph_ps(_mm256_loadu_si256(bits + 1));
  }
  // Unpacking deals the 32 elements out by 128-bit lane; packing in store deals them back.
  static void load(const BF16* p, R& a, R& b) {
    const __m512i both = _mm512_loadu_si512(p);
    a = _mm512_castsi512_ps(_mm512_unpacklo_epi16(_mm512_setzero_si512(), both));
    b = _mm512_castsi512_ps(_mm512_unpackhi_epi16(_mm512_setzero_si512(), both));
  }
  static void store(float* p, R a, R b) {
    _mm512_storeu_ps(p, a);
    _mm512_storeu_ps(p + 16, b);
  }
  static void store(F16* p, R a, R b) {
    __m256i* bits = reinterpret_cast<__m256i*>(p);
    _mm256_storeu_si256(bits, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    _mm256_storeu_si256(bits + 1,
                        _mm512_cvtps_ph(b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static void store(BF16* p, R a, R b) {
    _mm512_storeu_si512(p, _mm512_packus_epi32(rounded(a), rounded(b)));
  }
  // The upper 16 bits, to nearest even. No NaN needs care: each stems from a bfloat16 operand or
  // is quiet with no payload (the processor's, or a table's), so its lower bits are 0.
  static __m512i rounded(R v) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    return _mm512_srli_epi32(up, 16);
  }
  static float value(float v) { return v; }
  static float value(F16 v) {
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(static_cast<int>(v.bits))));
  }
  static float value(BF16 v) {
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(v.bits) << 16)));
  }
  static R sub(R a, R b) { return _mm512_sub_ps(a, b); }
  static R mul(R a, R b) { return _mm512_mul_ps(a, b); }
  static R div(R a, R b) { return _mm512_div_ps(a, b); }
  static R ceil(R a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
  static R mul_add(R a, R b, R c) { return _mm512_fmadd_ps(a, b, c); }
  static R sub_mul(R a, R b, R c) { return _mm512_fnmadd_ps(b, c, a); }  // a − b·c
  // min and max return their second operand if either is NaN: x comes last.
  static R clamp(R x, R low, R high) { return _mm512_min_ps(high, _mm512_max_ps(low, x)); }
  static I zero_index() { return _mm512_setzero_si512(); }
  // Adds 1 where x is right of the knot; a NaN is right of all.
  static I count_right(I i, R x, R knot) {
    return _mm512_mask_add_epi32(i, _mm512_cmp_ps_mask(x, knot, _CMP_NLE_UQ), i,
                                 _mm512_set1_epi32(1));
  }
  // 32 half-type elements as sort_key, how many knots each is right of, and those counts as the
  // indices of the two registers that load() makes of the same elements.
  struct Keys { __m512i at; };
  template <bool kNanIsRight, typename S>
  static Keys keys(const S* p) {
    const __m512i bits = _mm512_loadu_si512(p);
    const __m512i flip = _mm512_srli_epi16(_mm512_srai_epi16(bits, 15), 1);
    const __m512i ordered = _mm512_xor_si512(bits, flip);
    if constexpr (!kNanIsRight) return {ordered};
    // What exceeds −inf's bits is a negative NaN, whose magnitude sorts last, or positive.
    const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi16(0x7fff));
    const __mmask32 above = _mm512_cmpgt_epi16_mask(bits, _mm512_set1_epi16(minus_inf(p)));
    return {_mm512_mask_mov_epi16(ordered, above, magnitude)};
  }
  static int16_t minus_inf(const F16*) { return static_cast<int16_t>(0xfc00); }
  static int16_t minus_inf(const BF16*) { return static_cast<int16_t>(0xff80); }
  static I count_right(I i, Keys x, int16_t knot) {
    return _mm512_mask_add_epi16(i, _mm512_cmpgt_epi16_mask(x.at, _mm512_set1_epi16(knot)), i,
                                 _mm512_set1_epi16(1));
  }
  static void widen(const BF16*, I i, I& a, I& b) {
    a = _mm512_unpacklo_epi16(i, _mm512_setzero_si512());
    b = _mm512_unpackhi_epi16(i, _mm512_setzero_si512());
  }
  static void widen(const F16*, I i, I& a, I& b) {
    a = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(i));
    b = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(i, 1));
  }
  template <bool kGather>
  static I place(I i) { return i; }
  static R row(const float* p) { return _mm512_loadu_ps(p); }
  static R look_up(R row, I i) { return _mm512_permutexvar_ps(i, row); }
  static R look_up(const float* row, I i) { return _mm512_i32gather_ps(i, row, 4); }
  static I ceil_index(R x) {
    return _mm512_cvt_roundps_epi32(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  }
  // The codes of a block from its indices, which come as load() deals the elements out.
  template <int kBits, typename S>
  static void store_codes(const S* p, const I (&i)[4], const uint8_t* codes, uint8_t* to) {
    const I packed = _mm512_packs_epi16(_mm512_packs_epi32(i[0], i[1]), _mm512_packs_epi32(i[2], i[3]));
    const I table = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
    const I code = _mm512_shuffle_epi8(table, _mm512_permutexvar_epi32(packed_order(p), packed));
    uint64_t plane[kBits];
    for (int b = 0; b < kBits; ++b) {
      plane[b] = _mm512_test_epi8_mask(code, _mm512_set1_epi8(static_cast<char>(1 << b)));
    }
    store_planes<kBits>(to, plane);
  }
  template <typename S>
  static I packed_order(const S*) {
    return _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  }
  static I packed_order(const BF16*) {
    return _mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  }
  // Bit `p` from the top of each lane; those of the two registers that load() makes of the same
  // elements in the order of the elements; and those of a block, as its codes.
  static uint64_t plane(R v, int p) {
    return _mm512_movepi32_mask(_mm512_slli_epi32(_mm512_castps_si512(v), p));
  }
  template <typename S>
  static uint64_t join(const S*, uint64_t a, uint64_t b) { return a | b << 16; }
  static uint64_t join(const BF16*, uint64_t a, uint64_t b) {
    return nibbles_apart(a) | nibbles_apart(b) << 4;
  }
  static uint64_t nibbles_apart(uint64_t v) {
    v = (v | v << 8) & 0x00ff00ff;
    return (v | v << 4) & 0x0f0f0f0f;
  }
  template <int kBits>
  static void store_planes(uint8_t* code, const uint64_t (&plane)[kBits]) {
    store_groups<kBits, 8>(code, plane);
  }
  // The codes of the elements of which load() makes two registers, as indices of the same places.
  template <int kBits, typename S>
  static void codes(const S*, const uint8_t* code, I& a, I& b) {
    const I words = _mm512_castsi128_si512(group_words<kBits, 4>(code));
    const I lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
    const I first = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    const I last = _mm512_setr_epi32(2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    a = folded<kBits>(_mm512_srlv_epi32(_mm512_permutexvar_epi32(first, words), lanes));
    b = folded<kBits>(_mm512_srlv_epi32(_mm512_permutexvar_epi32(last, words), lanes));
  }
  template <int kBits>
  static void codes(const BF16*, const uint8_t* code, I& a, I& b) {
    const I group = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const I low = _mm512_setr_epi32(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    const I high = _mm512_setr_epi32(4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
    const I words =
        _mm512_permutexvar_epi32(group, _mm512_castsi128_si512(group_words<kBits, 4>(code)));
    a = folded<kBits>(_mm512_srlv_epi32(words, low));
    b = folded<kBits>(_mm512_srlv_epi32(words, high));
  }
  template <int kBits>
  static I folded(I v) {
    v = _mm512_and_si512(v, _mm512_set1_epi32(kCodeBits[kBits]));
    I code = v;
    if constexpr (kBits > 1) code = _mm512_or_si512(code, _mm512_srli_epi32(v, 7));
    if constexpr (kBits > 2) code = _mm512_or_si512(code, _mm512_srli_epi32(v, 14));
    return code;
  }
  static R read(const float* p) { return _mm512_loadu_ps(p); }
  static void write(float* p, R v) { _mm512_storeu_ps(p, v); }
  static R read(const F16* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static R read(const BF16* p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static void write(F16* p, R v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static void write(BF16* p, R v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(rounded(v)));
  }
  static R add(R a, R b) { return _mm512_add_ps(a, b); }
  static void count(float* p, int n) { *p = static_cast<float>(n); }
  static void count(F16* p, int n) { p->bits = _cvtss_sh(static_cast<float>(n), 0); }
  static void count(BF16* p, int n) {
    const __m128 bits = _mm_set_ss(static_cast<float>(n));
    p->bits = static_cast<uint16_t>(_mm_cvtsi128_si32(_mm_castps_si128(bits)) >> 16);
  }
  // v ≤ bound ? yes : no; max(v, 0), where NaN stays; v > 0 ? then : 0.
  static R if_at_most(R v, R bound, R yes, R no) {
    return _mm512_mask_mov_ps(no, _mm512_cmp_ps_mask(v, bound, _CMP_LE_OQ), yes);
  }
  static R positive_part(R v) { return _mm512_max_ps(_mm512_setzero_ps(), v); }
  static R where_positive(R v, R then) {
    const R zero = _mm512_setzero_ps();
    return _mm512_mask_mov_ps(zero, _mm512_cmp_ps_mask(v, zero, _CMP_GT_OQ), then);
  }
  static R nan_where_nan(R v, R x) {
    return _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
  }
  static R limits(R v, R x, R low, R high) {
    const R inf = set(__builtin_inff());
    v = _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(x, inf, _CMP_EQ_OQ), high);
    const R minus = _mm512_sub_ps(_mm512_setzero_ps(), inf);
    return _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(x, minus, _CMP_EQ_OQ), low);
  }
};

struct F64x8 {
  using T = double;
  using R = __m512d;
  using I = __m512i;
  static constexpr int width = 8;
  static constexpr int few = 0;
  static constexpr int table = 8;
  static constexpr bool counts_bits = false, has_grid = true, packs_bytes = false;
  static constexpr int product_rows = 6, product_registers = 4;

  static R set(double v) { return _mm512_set1_pd(v); }
  static void load(const double* p, R& a, R& b) {
    a = _mm512_loadu_pd(p);
    b = _mm512_loadu_pd(p + 8);
  }
  static void store(double* p, R a, R b) {
    _mm512_storeu_pd(p, a);
    _mm512_storeu_pd(p + 8, b);
  }
  static double value(double v) { return v; }
  static R sub(R a, R b) { return _mm512_sub_pd(a, b); }
  static R mul(R a, R b) { return _mm512_mul_pd(a, b); }
  static R div(R a, R b) { return _mm512_div_pd(a, b); }
  static R ceil(R a) { return _mm512_roundscale_pd(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
  static R mul_add(R a, R b, R c) { return _mm512_fmadd_pd(a, b, c); }
  static R sub_mul(R a, R b, R c) { return _mm512_fnmadd_pd(b, c, a); }
  static R clamp(R x, R low, R high) { return _mm512_min_pd(high, _mm512_max_pd(low, x)); }
  static I zero_index() { return _mm512_setzero_si512(); }
  static I count_right(I i, R x, R knot) {
    return _mm512_mask_add_epi64(i, _mm512_cmp_pd_mask(x, knot, _CMP_NLE_UQ), i,
                                 _mm512_set1_epi64(1));
  }
  template <bool kGather>
  static I place(I i) { return i; }
  static R row(const double* p) { return _mm512_loadu_pd(p); }
  static R look_up(R row, I i) { return _mm512_permutexvar_pd(i, row); }
  static R look_up(const double* row, I i) { return _mm512_i64gather_pd(i, row, 8); }
  static I ceil_index(R x) {
    return _mm512_cvt_roundpd_epi64(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  }
  static uint64_t plane(R v, int p) {
    return _mm512_movepi64_mask(_mm512_slli_epi64(_mm512_castpd_si512(v), p));
  }
  static uint64_t join(const double*, uint64_t a, uint64_t b) { return a | b << 8; }
  template <int kBits>
  static void store_planes(uint8_t* code, const uint64_t (&plane)[kBits]) {
    store_groups<kBits, 4>(code, plane);
  }
  template <int kBits>
  static void codes(const double*, const uint8_t* code, I& a, I& b) {
    const __m128i words = group_words<kBits, 2>(code);
    const I lanes = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    a = folded<kBits>(_mm512_srlv_epi64(_mm512_broadcastq_epi64(words), lanes));
    b = folded<kBits>(_mm512_srlv_epi64(_mm512_broadcastq_epi64(_mm_srli_si128(words, 4)), lanes));
  }
  template <int kBits>
  static I folded(I v) {
    v = _mm512_and_si512(v, _mm512_set1_epi64(kCodeBits[kBits]));
    I code = v;
    if constexpr (kBits > 1) code = _mm512_or_si512(code, _mm512_srli_epi64(v, 7));
    if constexpr (kBits > 2) code = _mm512_or_si512(code, _mm512_srli_epi64(v, 14));
    return code;
  }
  static R read(const double* p) { return _mm512_loadu_pd(p); }
  static void write(double* p, R v) { _mm512_storeu_pd(p, v); }
  static R add(R a, R b) { return _mm512_add_pd(a, b); }
  static void count(double* p, int n) { *p = n; }
  // v ≤ bound ? yes : no; max(v, 0), where NaN stays; v > 0 ? then : 0.
  static R if_at_most(R v, R bound, R yes, R no) {
    return _mm512_mask_mov_pd(no, _mm512_cmp_pd_mask(v, bound, _CMP_LE_OQ), yes);
  }
  static R positive_part(R v) { return _mm512_max_pd(_mm512_setzero_pd(), v); }
  static R where_positive(R v, R then) {
    const R zero = _mm512_setzero_pd();
    return _mm512_mask_mov_pd(zero, _mm512_cmp_pd_mask(v, zero, _CMP_GT_OQ), then);
  }
  static R nan_where_nan(R v, R x) {
    return _mm512_mask_mov_pd(v, _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q), x);
  }
  static R limits(R v, R x, R low, R high) {
    const R inf = set(__builtin_inf());
    v = _mm512_mask_mov_pd(v, _mm512_cmp_pd_mask(x, inf, _CMP_EQ_OQ), high);
    const R minus = _mm512_sub_pd(_mm512_setzero_pd(), inf);
    return _mm512_mask_mov_pd(v, _mm512_cmp_pd_mask(x, minus, _CMP_EQ_OQ), low);
  }
};

}  // namespace
}  // namespace hatact
