// AVX-512 (F, BW, DQ, VL) registers of float (16) and double (8) for ppoly_loop.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

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
  static constexpr int table = 16;  // pieces that one vpermps can look up
  static constexpr bool counts_bits = true;

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
  // is the processor's own, so its lower bits are 0 and rounding cannot carry out of them.
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
  static I count_greater(I i, R x, R knot) {
    return _mm512_mask_add_epi32(i, _mm512_cmp_ps_mask(x, knot, _CMP_GT_OQ), i,
                                 _mm512_set1_epi32(1));
  }
  // 32 half-type elements as sort_key, how many knots each exceeds, and those counts as the
  // indices of the two registers that load() makes of the same elements.
  struct Keys { __m512i at; };
  template <typename S>
  static Keys keys(const S* p) {
    const __m512i bits = _mm512_loadu_si512(p);
    const __m512i flip = _mm512_srli_epi16(_mm512_srai_epi16(bits, 15), 1);
    return {_mm512_xor_si512(bits, flip)};
  }
  static I count_greater(I i, Keys x, int16_t knot) {
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
  template <bool kGather>
  static R look_up(const float* row, I i) {
    if constexpr (kGather) return _mm512_i32gather_ps(i, row, 4);
    return _mm512_permutexvar_ps(i, _mm512_loadu_ps(row));
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
  static constexpr int table = 8;
  static constexpr bool counts_bits = false;

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
  static I count_greater(I i, R x, R knot) {
    return _mm512_mask_add_epi64(i, _mm512_cmp_pd_mask(x, knot, _CMP_GT_OQ), i,
                                 _mm512_set1_epi64(1));
  }
  template <bool kGather>
  static I place(I i) { return i; }
  template <bool kGather>
  static R look_up(const double* row, I i) {
    if constexpr (kGather) return _mm512_i64gather_pd(i, row, 8);
    return _mm512_permutexvar_pd(i, _mm512_loadu_pd(row));
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
