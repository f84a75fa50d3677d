// AVX2 registers of float (8) and double (4) for ppoly_loop.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "simd_x86.h"

namespace hatact {
namespace {

struct F16Bits { uint16_t bits; };
struct BF16Bits { uint16_t bits; };

struct F32x8 {
  using T = float;
  using R = __m256;
  using I = __m256i;
  using F16 = F16Bits;
  using BF16 = BF16Bits;
  static constexpr int width = 8;
  static constexpr int table = 8;  // pieces that one vpermps can look up
  static constexpr int few = 4;    // … and one vpermilps, in half the micro-operations
  static constexpr bool has_grid = true, packs_bytes = true;
  static constexpr bool counts_bits = true;
  // The largest tile of a product whose sums, a row of B and an element of A fill the registers.
  static constexpr int product_rows = 6, product_registers = 2;

  static R set(float v) { return _mm256_set1_ps(v); }
  static void load(const float* p, R& a, R& b) {
    a = _mm256_loadu_ps(p);
    b = _mm256_loadu_ps(p + 8);
  }
  static void load(const F16* p, R& a, R& b) {
    const __m128i* bits = reinterpret_cast<const __m128i*>(p);
    a = _mm256_cvtph_ps(_mm_loadu_si128(bits));
    b = _mm256_cvtph_ps(_mm_loadu_si128(bits + 1));
  }
  // Unpacking deals the 16 elements out by 128-bit lane; packing in store deals them back.
  static void load(const BF16* p, R& a, R& b) {
    const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    a = _mm256_castsi256_ps(_mm256_unpacklo_epi16(_mm256_setzero_si256(), both));
    b = _mm256_castsi256_ps(_mm256_unpackhi_epi16(_mm256_setzero_si256(), both));
  }
  static void store(float* p, R a, R b) {
    _mm256_storeu_ps(p, a);
    _mm256_storeu_ps(p + 8, b);
  }
  static void store(F16* p, R a, R b) {
    __m128i* bits = reinterpret_cast<__m128i*>(p);
    _mm_storeu_si128(bits, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128(bits + 1, _mm256_cvtps_ph(b, _MM_FROUND_TO_NEAREST_INT));
  }
  static void store(BF16* p, R a, R b) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm256_packus_epi32(rounded(a), rounded(b)));
  }
  // The upper 16 bits, to nearest even. No NaN needs care: each stems from a bfloat16 operand or
  // is quiet with no payload (the processor's, or a table's), so its lower bits are 0.
  static __m256i rounded(R v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    return _mm256_srli_epi32(up, 16);
  }
  static float value(float v) { return v; }
  static float value(F16 v) { return _cvtsh_ss(v.bits); }
  static float value(BF16 v) {
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(v.bits) << 16)));
  }
  static R sub(R a, R b) { return _mm256_sub_ps(a, b); }
  static R mul(R a, R b) { return _mm256_mul_ps(a, b); }
  static R div(R a, R b) { return _mm256_div_ps(a, b); }
  static R ceil(R a) { return _mm256_ceil_ps(a); }
  static R mul_add(R a, R b, R c) { return _mm256_fmadd_ps(a, b, c); }
  static R sub_mul(R a, R b, R c) { return _mm256_fnmadd_ps(b, c, a); }  // a − b·c
  // min and max return their second operand if either is NaN: x comes last.
  static R clamp(R x, R low, R high) { return _mm256_min_ps(high, _mm256_max_ps(low, x)); }
  static I zero_index() { return _mm256_setzero_si256(); }
  // Adds 1 where x is right of the knot; a NaN is right of all.
  static I count_right(I i, R x, R knot) {
    return _mm256_sub_epi32(i, _mm256_castps_si256(_mm256_cmp_ps(x, knot, _CMP_NLE_UQ)));
  }
  // 16 half-type elements as sort_key, how many knots each is right of, and those counts as the
  // indices of the two registers that load() makes of the same elements.
  struct Keys { __m256i at; };
  template <bool kNanIsRight, typename S>
  static Keys keys(const S* p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i flip = _mm256_srli_epi16(_mm256_srai_epi16(bits, 15), 1);
    const __m256i ordered = _mm256_xor_si256(bits, flip);
    if constexpr (!kNanIsRight) return {ordered};
    // What exceeds −inf's bits is a negative NaN, whose magnitude sorts last, or positive.
    const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi16(0x7fff));
    const __m256i above = _mm256_cmpgt_epi16(bits, _mm256_set1_epi16(minus_inf(p)));
    return {_mm256_blendv_epi8(ordered, magnitude, above)};
  }
  static int16_t minus_inf(const F16*) { return static_cast<int16_t>(0xfc00); }
  static int16_t minus_inf(const BF16*) { return static_cast<int16_t>(0xff80); }
  static I count_right(I i, Keys x, int16_t knot) {
    return _mm256_sub_epi16(i, _mm256_cmpgt_epi16(x.at, _mm256_set1_epi16(knot)));
  }
  static void widen(const BF16*, I i, I& a, I& b) {
    a = _mm256_unpacklo_epi16(i, _mm256_setzero_si256());
    b = _mm256_unpackhi_epi16(i, _mm256_setzero_si256());
  }
  static void widen(const F16*, I i, I& a, I& b) {
    a = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(i));
    b = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(i, 1));
  }
  template <bool kGather>
  static I place(I i) { return i; }
  static R row(const float* p) { return _mm256_loadu_ps(p); }
  struct Few { R at; };
  static Few few_row(const float* p) { return {_mm256_broadcast_ps(reinterpret_cast<const __m128*>(p))}; }
  static R look_up(Few row, I i) { return _mm256_permutevar_ps(row.at, i); }
  static R look_up(R row, I i) { return _mm256_permutevar8x32_ps(row, i); }
  static R look_up(const float* row, I i) { return _mm256_i32gather_ps(row, i, 4); }
  static I ceil_index(R x) { return _mm256_cvtps_epi32(_mm256_ceil_ps(x)); }
  // The codes of a block from its indices, which come as load() deals the elements out.
  template <int kBits, typename S>
  static void store_codes(const S* p, const I (&i)[4], const uint8_t* codes, uint8_t* to) {
    const I packed = _mm256_packs_epi16(_mm256_packs_epi32(i[0], i[1]), _mm256_packs_epi32(i[2], i[3]));
    const I table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
    const I code = _mm256_shuffle_epi8(table, packed);
    if constexpr (kBits == 2) {
      // Groups 0, 2 and 1, 3 share a lane: the planes of each group then interleave by halves.
      const I groups = _mm256_permutevar8x32_epi32(code, order(p, 0, 2, 1, 3));
      const I first = _mm256_slli_epi16(groups, 7), second = _mm256_slli_epi16(groups, 6);
      const int low = _mm256_movemask_epi8(_mm256_unpacklo_epi64(first, second));
      const int high = _mm256_movemask_epi8(_mm256_unpackhi_epi64(first, second));
      std::memcpy(to, &low, 4);
      std::memcpy(to + 4, &high, 4);
    } else {
      const I groups = _mm256_permutevar8x32_epi32(code, order(p, 0, 1, 2, 3));
      uint64_t plane[kBits];
      for (int b = 0; b < kBits; ++b) {
        plane[b] = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_slli_epi16(groups, 7 - b)));
      }
      store_planes<kBits>(to, plane);
    }
  }
  // Where the two halves of groups a, b, c, d are after packing.
  template <typename S>
  static I order(const S*, int a, int b, int c, int d) {
    return _mm256_setr_epi32(a, 4 + a, b, 4 + b, c, 4 + c, d, 4 + d);
  }
  static I order(const BF16*, int a, int b, int c, int d) {
    const auto at = [](int group) { return (group & 1) * 4 + (group & 2); };
    return _mm256_setr_epi32(at(a), at(a) + 1, at(b), at(b) + 1, at(c), at(c) + 1, at(d), at(d) + 1);
  }
  // Bit `p` from the top of each lane; those of the two registers that load() makes of the same
  // elements in the order of the elements; and those of a block, as its codes.
  static uint64_t plane(R v, int p) {
    const __m256i bits = _mm256_slli_epi32(_mm256_castps_si256(v), p);
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(bits)));
  }
  template <typename S>
  static uint64_t join(const S*, uint64_t a, uint64_t b) { return a | b << 8; }
  static uint64_t join(const BF16*, uint64_t a, uint64_t b) {
    return (a & 0xf) | (b & 0xf) << 4 | (a & 0xf0) << 4 | (b & 0xf0) << 8;
  }
  template <int kBits>
  static void store_planes(uint8_t* code, const uint64_t (&plane)[kBits]) {
    store_groups<kBits, 4>(code, plane);
  }
  // The codes of the elements of which load() makes two registers, as indices of the same places.
  template <int kBits, typename S>
  static void codes(const S*, const uint8_t* code, I& a, I& b) {
    const __m128i words = group_words<kBits, 2>(code);
    const I lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    a = folded<kBits>(_mm256_srlv_epi32(_mm256_broadcastd_epi32(words), lanes));
    b = folded<kBits>(_mm256_srlv_epi32(_mm256_broadcastd_epi32(_mm_srli_si128(words, 4)), lanes));
  }
  template <int kBits>
  static void codes(const BF16*, const uint8_t* code, I& a, I& b) {
    const I words = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(group_words<kBits, 2>(code)),
                                                _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
    a = folded<kBits>(_mm256_srlv_epi32(words, _mm256_setr_epi32(0, 1, 2, 3, 0, 1, 2, 3)));
    b = folded<kBits>(_mm256_srlv_epi32(words, _mm256_setr_epi32(4, 5, 6, 7, 4, 5, 6, 7)));
  }
  template <int kBits>
  static I folded(I v) {
    v = _mm256_and_si256(v, _mm256_set1_epi32(kCodeBits[kBits]));
    I code = v;
    if constexpr (kBits > 1) code = _mm256_or_si256(code, _mm256_srli_epi32(v, 7));
    if constexpr (kBits > 2) code = _mm256_or_si256(code, _mm256_srli_epi32(v, 14));
    return code;
  }
  static R read(const float* p) { return _mm256_loadu_ps(p); }
  static void write(float* p, R v) { _mm256_storeu_ps(p, v); }
  static R read(const F16* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static R read(const BF16* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static void write(F16* p, R v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  static void write(BF16* p, R v) {
    const __m256i bits = rounded(v), packed = _mm256_packus_epi32(bits, bits);
    const __m256i in_order = _mm256_permute4x64_epi64(packed, 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(in_order));
  }
  static R add(R a, R b) { return _mm256_add_ps(a, b); }
  static void count(float* p, int n) { *p = static_cast<float>(n); }
  static void count(F16* p, int n) { p->bits = _cvtss_sh(static_cast<float>(n), 0); }
  static void count(BF16* p, int n) {
    const __m128 bits = _mm_set_ss(static_cast<float>(n));
    p->bits = static_cast<uint16_t>(_mm_cvtsi128_si32(_mm_castps_si128(bits)) >> 16);
  }
  // v ≤ bound ? yes : no; max(v, 0), where NaN stays; v > 0 ? then : 0.
  static R if_at_most(R v, R bound, R yes, R no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(v, bound, _CMP_LE_OQ));
  }
  static R positive_part(R v) { return _mm256_max_ps(_mm256_setzero_ps(), v); }
  static R where_positive(R v, R then) {
    return _mm256_and_ps(then, _mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_GT_OQ));
  }
  static R nan_where_nan(R v, R x) {
    return _mm256_blendv_ps(v, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  }
  static R limits(R v, R x, R low, R high) {
    const R inf = set(__builtin_inff());
    v = _mm256_blendv_ps(v, high, _mm256_cmp_ps(x, inf, _CMP_EQ_OQ));
    return _mm256_blendv_ps(v, low, _mm256_cmp_ps(x, _mm256_sub_ps(_mm256_setzero_ps(), inf), _CMP_EQ_OQ));
  }
};

struct F64x4 {
  using T = double;
  using R = __m256d;
  using I = __m256i;
  static constexpr int width = 4;
  static constexpr int few = 0;
  static constexpr int table = 8;  // two vpermps of four doubles each, and a blend
  static constexpr bool counts_bits = false, has_grid = false, packs_bytes = false;
  static constexpr int product_rows = 6, product_registers = 2;

  static R set(double v) { return _mm256_set1_pd(v); }
  static void load(const double* p, R& a, R& b) {
    a = _mm256_loadu_pd(p);
    b = _mm256_loadu_pd(p + 4);
  }
  static void store(double* p, R a, R b) {
    _mm256_storeu_pd(p, a);
    _mm256_storeu_pd(p + 4, b);
  }
  static double value(double v) { return v; }
  static R sub(R a, R b) { return _mm256_sub_pd(a, b); }
  static R mul(R a, R b) { return _mm256_mul_pd(a, b); }
  static R div(R a, R b) { return _mm256_div_pd(a, b); }
  static R ceil(R a) { return _mm256_ceil_pd(a); }
  static R mul_add(R a, R b, R c) { return _mm256_fmadd_pd(a, b, c); }
  static R sub_mul(R a, R b, R c) { return _mm256_fnmadd_pd(b, c, a); }
  static R clamp(R x, R low, R high) { return _mm256_min_pd(high, _mm256_max_pd(low, x)); }
  static I zero_index() { return _mm256_setzero_si256(); }
  static I count_right(I i, R x, R knot) {
    return _mm256_sub_epi64(i, _mm256_castpd_si256(_mm256_cmp_pd(x, knot, _CMP_NLE_UQ)));
  }
  struct Place { I halves; R upper; };
  // There is no vpermpd with a variable index: each double is looked up as its two 32-bit
  // halves, 2i and 2i + 1 (mod 8); bit 2 of i chooses between the two registers of the table.
  template <bool kGather>
  static auto place(I i) {
    if constexpr (kGather) {
      return i;
    } else {
      const I twice = _mm256_slli_epi64(i, 1);
      const I both = _mm256_or_si256(twice, _mm256_slli_epi64(twice, 32));
      return Place{_mm256_or_si256(both, _mm256_set1_epi64x(int64_t{1} << 32)),
                   _mm256_castsi256_pd(_mm256_slli_epi64(i, 61))};
    }
  }
  struct Row { __m256 low, high; };
  static Row row(const double* p) {
    const float* halves = reinterpret_cast<const float*>(p);
    return {_mm256_loadu_ps(halves), _mm256_loadu_ps(halves + 8)};
  }
  static R look_up(Row row, Place at) {
    return _mm256_blendv_pd(_mm256_castps_pd(_mm256_permutevar8x32_ps(row.low, at.halves)),
                            _mm256_castps_pd(_mm256_permutevar8x32_ps(row.high, at.halves)),
                            at.upper);
  }
  static R look_up(const double* row, I at) { return _mm256_i64gather_pd(row, at, 8); }
  static uint64_t plane(R v, int p) {
    const __m256i bits = _mm256_slli_epi64(_mm256_castpd_si256(v), p);
    return static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(bits)));
  }
  static uint64_t join(const double*, uint64_t a, uint64_t b) { return a | b << 4; }
  template <int kBits>
  static void store_planes(uint8_t* code, const uint64_t (&plane)[kBits]) {
    store_groups<kBits, 2>(code, plane);
  }
  template <int kBits>
  static void codes(const double*, const uint8_t* code, I& a, I& b) {
    const I words = _mm256_broadcastq_epi64(group_words<kBits, 1>(code));
    a = folded<kBits>(_mm256_srlv_epi64(words, _mm256_setr_epi64x(0, 1, 2, 3)));
    b = folded<kBits>(_mm256_srlv_epi64(words, _mm256_setr_epi64x(4, 5, 6, 7)));
  }
  template <int kBits>
  static I folded(I v) {
    v = _mm256_and_si256(v, _mm256_set1_epi64x(kCodeBits[kBits]));
    I code = v;
    if constexpr (kBits > 1) code = _mm256_or_si256(code, _mm256_srli_epi64(v, 7));
    if constexpr (kBits > 2) code = _mm256_or_si256(code, _mm256_srli_epi64(v, 14));
    return code;
  }
  static R read(const double* p) { return _mm256_loadu_pd(p); }
  static void write(double* p, R v) { _mm256_storeu_pd(p, v); }
  static R add(R a, R b) { return _mm256_add_pd(a, b); }
  static void count(double* p, int n) { *p = n; }
  // v ≤ bound ? yes : no; max(v, 0), where NaN stays; v > 0 ? then : 0.
  static R if_at_most(R v, R bound, R yes, R no) {
    return _mm256_blendv_pd(no, yes, _mm256_cmp_pd(v, bound, _CMP_LE_OQ));
  }
  static R positive_part(R v) { return _mm256_max_pd(_mm256_setzero_pd(), v); }
  static R where_positive(R v, R then) {
    return _mm256_and_pd(then, _mm256_cmp_pd(v, _mm256_setzero_pd(), _CMP_GT_OQ));
  }
  static R nan_where_nan(R v, R x) {
    return _mm256_blendv_pd(v, x, _mm256_cmp_pd(x, x, _CMP_UNORD_Q));
  }
  static R limits(R v, R x, R low, R high) {
    const R inf = set(__builtin_inf());
    v = _mm256_blendv_pd(v, high, _mm256_cmp_pd(x, inf, _CMP_EQ_OQ));
    return _mm256_blendv_pd(v, low, _mm256_cmp_pd(x, _mm256_sub_pd(_mm256_setzero_pd(), inf), _CMP_EQ_OQ));
  }
};

}  // namespace
}  // namespace hatact
