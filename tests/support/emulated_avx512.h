// The AVX-512 intrinsics that csrc/simd_avx512.h uses, lane by lane in plain C++, after Intel's
// Intrinsics Guide: they let the AVX-512 path run, and be tested, where the CPU has no AVX-512.
// Needs AVX2, FMA and F16C for the conversions and the rounding. Correctness only; slow.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace emulated {

template <typename T, int N>
struct Lanes { T at[N]; };
using f32 = Lanes<float, 16>;
using f64 = Lanes<double, 8>;
struct bits { uint32_t at[16]; };

template <typename To, typename From>
To as(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "one register");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
template <typename R, typename F>
R each(F f) {
  R r;
  for (int l = 0; l < int(sizeof(r.at) / sizeof(r.at[0])); ++l) r.at[l] = f(l);
  return r;
}
template <typename R, typename P>
R loadu(const P* p) { return each<R>([&](int l) { return p[l]; }); }
template <typename R, typename P>
void storeu(P* p, const R& v) { std::memcpy(p, v.at, sizeof v.at); }
template <typename R, typename T>
R set1(T v) { return each<R>([&](int) { return v; }); }
template <typename R> R add(R a, R b) { return each<R>([&](int l) { return a.at[l] + b.at[l]; }); }
template <typename R> R sub(R a, R b) { return each<R>([&](int l) { return a.at[l] - b.at[l]; }); }
template <typename R> R mul(R a, R b) { return each<R>([&](int l) { return a.at[l] * b.at[l]; }); }
template <typename R> R div(R a, R b) { return each<R>([&](int l) { return a.at[l] / b.at[l]; }); }
template <typename R> R fmadd(R a, R b, R c) {
  return each<R>([&](int l) { return std::fma(a.at[l], b.at[l], c.at[l]); });
}
template <typename R> R fnmadd(R a, R b, R c) {
  return each<R>([&](int l) { return std::fma(-a.at[l], b.at[l], c.at[l]); });
}
// min and max return the second operand if either is NaN or both are zero.
template <typename R> R min(R a, R b) {
  return each<R>([&](int l) { return a.at[l] < b.at[l] ? a.at[l] : b.at[l]; });
}
template <typename R> R max(R a, R b) {
  return each<R>([&](int l) { return a.at[l] > b.at[l] ? a.at[l] : b.at[l]; });
}
template <typename R> R ceil(R a) { return each<R>([&](int l) { return std::ceil(a.at[l]); }); }
template <typename R> uint32_t compare(R a, R b, int how) {
  uint32_t mask = 0;
  for (int l = 0; l < int(sizeof(a.at) / sizeof(a.at[0])); ++l) {
    const auto x = a.at[l], y = b.at[l];
    const bool hit = how == _CMP_NLE_UQ  ? !(x <= y)
                     : how == _CMP_EQ_OQ ? x == y
                     : how == _CMP_LE_OQ ? x <= y
                     : how == _CMP_GT_OQ ? x > y
                                         : std::isnan(x) || std::isnan(y);
    mask |= uint32_t(hit) << l;
  }
  return mask;
}
template <typename R> R mask_mov(R otherwise, uint32_t mask, R a) {
  return each<R>([&](int l) { return mask >> l & 1 ? a.at[l] : otherwise.at[l]; });
}
template <typename I> bits mask_add(bits otherwise, uint32_t mask, bits a, bits b) {
  return as<bits>(mask_mov(as<I>(otherwise), mask, add(as<I>(a), as<I>(b))));
}
using i64 = Lanes<uint64_t, 8>;
inline f32 permutexvar(bits i, f32 a) { return each<f32>([&](int l) { return a.at[i.at[l] & 15]; }); }
inline f64 permutexvar(bits i, f64 a) {
  return each<f64>([&](int l) { return a.at[as<i64>(i).at[l] & 7]; });
}
inline f32 gather(bits i, const float* p) { return each<f32>([&](int l) { return p[int32_t(i.at[l])]; }); }
inline f64 gather(bits i, const double* p) {
  return each<f64>([&](int l) { return p[int64_t(as<i64>(i).at[l])]; });
}
inline bits shift_left(bits a, int n) { return each<bits>([&](int l) { return a.at[l] << n; }); }
inline bits shift_right(bits a, int n) { return each<bits>([&](int l) { return a.at[l] >> n; }); }
inline bits shift_right_each(bits a, bits by) {
  return each<bits>([&](int l) { return by.at[l] > 31 ? 0 : a.at[l] >> by.at[l]; });
}
inline bits shift_left_64(bits a, int n) {
  return as<bits>(each<i64>([&](int l) { return as<i64>(a).at[l] << n; }));
}
inline bits shift_right_64(bits a, int n) {
  return as<bits>(each<i64>([&](int l) { return as<i64>(a).at[l] >> n; }));
}
inline bits shift_right_each_64(bits a, bits by) {
  const i64 from = as<i64>(a), n = as<i64>(by);
  return as<bits>(each<i64>([&](int l) { return n.at[l] > 63 ? 0 : from.at[l] >> n.at[l]; }));
}
inline bits permute_lanes(bits i, bits a) {
  return each<bits>([&](int l) { return a.at[i.at[l] & 15]; });
}
inline bits from_128(__m128i v) {  // what lies above is undefined: not 0 here
  bits r = set1<bits>(0xdeadbeef);
  std::memcpy(r.at, &v, sizeof v);
  return r;
}
inline bits broadcast_64(__m128i v) {
  return as<bits>(set1<i64>(uint64_t(_mm_cvtsi128_si64(v))));
}
template <typename... V> bits lanes(V... v) { return {{uint32_t(v)...}}; }
template <typename... V> bits lanes_64(V... v) { return as<bits>(i64{{uint64_t(v)...}}); }
template <typename R> uint32_t signs(bits a) {
  uint32_t mask = 0;
  const R from = as<R>(a);
  constexpr int n = sizeof(from.at) / sizeof(from.at[0]), top = 512 / n - 1;
  for (int l = 0; l < n; ++l) mask |= uint32_t(from.at[l] >> top & 1) << l;
  return mask;
}
inline bits either(bits a, bits b) { return each<bits>([&](int l) { return a.at[l] | b.at[l]; }); }
inline bits both(bits a, bits b) { return each<bits>([&](int l) { return a.at[l] & b.at[l]; }); }
using shorts = Lanes<uint16_t, 32>;
// Within each 128-bit lane: words 0-3 (low) or 4-7 (high) of a and of b in turn.
inline bits interleave(bits a, bits b, int high) {
  const shorts x = as<shorts>(a), y = as<shorts>(b);
  return as<bits>(each<shorts>([&](int l) {
    const int from = l / 8 * 8 + 4 * high + l % 8 / 2;
    return l % 2 ? y.at[from] : x.at[from];
  }));
}
inline bits unpacklo(bits a, bits b) { return interleave(a, b, 0); }
inline bits unpackhi(bits a, bits b) { return interleave(a, b, 1); }
// Within each 128-bit lane: the four words of a, then of b, saturated to 16 bits.
inline bits packus(bits a, bits b) {
  return as<bits>(each<shorts>([&](int l) {
    const int32_t from = int32_t((l % 8 < 4 ? a : b).at[l / 8 * 4 + l % 4]);
    return uint16_t(from < 0 ? 0 : from > 0xffff ? 0xffff : from);
  }));
}
// Within each 128-bit lane: the words of a, then of b, saturated to 16 bits with sign.
inline bits packs_words(bits a, bits b) {
  return as<bits>(each<shorts>([&](int l) {
    const int32_t from = int32_t((l % 8 < 4 ? a : b).at[l / 8 * 4 + l % 4]);
    return uint16_t(from < -0x8000 ? -0x8000 : from > 0x7fff ? 0x7fff : from);
  }));
}
using bytes = Lanes<uint8_t, 64>;
// The same from 16 bits to 8.
inline bits packs_bytes(bits a, bits b) {
  const shorts x = as<shorts>(a), y = as<shorts>(b);
  return as<bits>(each<bytes>([&](int l) {
    const int16_t from = int16_t((l % 16 < 8 ? x : y).at[l / 16 * 8 + l % 8]);
    return uint8_t(from < -0x80 ? -0x80 : from > 0x7f ? 0x7f : from);
  }));
}
inline bits broadcast_128(__m128i v) {
  uint32_t from[4];
  std::memcpy(from, &v, sizeof from);
  return each<bits>([&](int l) { return from[l % 4]; });
}
// Within each 128-bit lane: byte i of the table, or 0 where i's top bit is set.
inline bits shuffle_bytes(bits table, bits i) {
  const bytes from = as<bytes>(table), at = as<bytes>(i);
  return as<bits>(each<bytes>([&](int l) {
    return at.at[l] & 0x80 ? uint8_t{0} : from.at[l / 16 * 16 + (at.at[l] & 15)];
  }));
}
inline bits set1_bytes(char v) { return as<bits>(set1<bytes>(uint8_t(v))); }
inline uint64_t test_bytes(bits a, bits b) {
  const bytes x = as<bytes>(a), y = as<bytes>(b);
  uint64_t mask = 0;
  for (int l = 0; l < 64; ++l) mask |= uint64_t((x.at[l] & y.at[l]) != 0) << l;
  return mask;
}
// Upwards; what has no integer of the size gives the smallest one.
inline bits ceil_to_32(f32 a) {
  return each<bits>([&](int l) {
    const float up = std::ceil(a.at[l]);
    return up >= -0x1p31f && up < 0x1p31f ? uint32_t(int32_t(up)) : 0x80000000u;
  });
}
inline bits ceil_to_64(f64 a) {
  return as<bits>(each<i64>([&](int l) {
    const double up = std::ceil(a.at[l]);
    return up >= -0x1p63 && up < 0x1p63 ? uint64_t(int64_t(up)) : uint64_t{1} << 63;
  }));
}
template <typename F> bits each_word(F f) {
  return as<bits>(each<shorts>([&](int l) { return uint16_t(f(l)); }));
}
inline int16_t word(const bits& a, int l) { return int16_t(as<shorts>(a).at[l]); }
inline bits words(int v) { return each_word([&](int) { return v; }); }
inline bits words_right(bits a, int n) {
  return each_word([&](int l) { return uint16_t(word(a, l)) >> n; });
}
inline bits words_right_signed(bits a, int n) {
  return each_word([&](int l) { return word(a, l) >> n; });
}
inline bits exclusive(bits a, bits b) {
  return each<bits>([&](int l) { return a.at[l] ^ b.at[l]; });
}
inline uint32_t words_greater(bits a, bits b) {
  uint32_t mask = 0;
  for (int l = 0; l < 32; ++l) mask |= uint32_t(word(a, l) > word(b, l)) << l;
  return mask;
}
inline bits mask_add_words(bits otherwise, uint32_t mask, bits a, bits b) {
  return each_word(
      [&](int l) { return mask >> l & 1 ? word(a, l) + word(b, l) : word(otherwise, l); });
}
inline bits mask_mov_words(bits otherwise, uint32_t mask, bits a) {
  return each_word([&](int l) { return mask >> l & 1 ? word(a, l) : word(otherwise, l); });
}
inline bits widen(__m256i half) {
  uint16_t from[16];
  std::memcpy(from, &half, sizeof from);
  return each<bits>([&](int l) { return uint32_t(from[l]); });
}
inline __m256i narrow(bits a) {
  uint16_t to[16];
  for (int l = 0; l < 16; ++l) to[l] = static_cast<uint16_t>(a.at[l]);
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(to));
}
inline __m256i half_of(bits a, int high) {
  __m256i half;
  std::memcpy(&half, a.at + 8 * high, sizeof half);
  return half;
}
inline bits load_bits(const void* p) {
  bits r;
  std::memcpy(&r, p, sizeof r);
  return r;
}
inline void store_bits(void* p, bits a) { std::memcpy(p, &a, sizeof a); }
inline f32 from_half(__m256i h) {
  float to[16];
  _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm256_castsi256_si128(h)));
  _mm256_storeu_ps(to + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(h, 1)));
  return loadu<f32>(to);
}
inline __m256i to_half(f32 a) {
  const __m128i low = _mm256_cvtps_ph(_mm256_loadu_ps(a.at), _MM_FROUND_TO_NEAREST_INT);
  const __m128i high = _mm256_cvtps_ph(_mm256_loadu_ps(a.at + 8), _MM_FROUND_TO_NEAREST_INT);
  return _mm256_set_m128i(high, low);
}

}  // namespace emulated

#define __m512 emulated::f32
#define __m512d emulated::f64
#define __m512i emulated::bits
#define _mm512_set1_ps(v) emulated::set1<emulated::f32>(v)
#define _mm512_set1_pd(v) emulated::set1<emulated::f64>(v)
#define _mm512_set1_epi32(v) emulated::set1<emulated::bits>(v)
#define _mm512_set1_epi64(v) emulated::as<emulated::bits>(emulated::set1<emulated::i64>(v))
#define _mm512_setzero_ps() emulated::set1<emulated::f32>(0.0f)
#define _mm512_setzero_pd() emulated::set1<emulated::f64>(0.0)
#define _mm512_setzero_si512() emulated::set1<emulated::bits>(0)
#define _mm512_loadu_ps(p) emulated::loadu<emulated::f32>(p)
#define _mm512_loadu_pd(p) emulated::loadu<emulated::f64>(p)
#define _mm512_storeu_ps emulated::storeu
#define _mm512_storeu_pd emulated::storeu
#define _mm512_add_epi32 emulated::add
#define _mm512_add_ps emulated::add
#define _mm512_add_pd emulated::add
#define _mm512_sub_ps emulated::sub
#define _mm512_sub_pd emulated::sub
#define _mm512_mul_ps emulated::mul
#define _mm512_mul_pd emulated::mul
#define _mm512_div_ps emulated::div
#define _mm512_div_pd emulated::div
#define _mm512_fmadd_ps emulated::fmadd
#define _mm512_fmadd_pd emulated::fmadd
#define _mm512_fnmadd_ps emulated::fnmadd
#define _mm512_fnmadd_pd emulated::fnmadd
#define _mm512_min_ps emulated::min
#define _mm512_min_pd emulated::min
#define _mm512_max_ps emulated::max
#define _mm512_max_pd emulated::max
#undef _mm512_roundscale_ps
#undef _mm512_roundscale_pd
#define _mm512_roundscale_ps(a, how) emulated::ceil(a)
#define _mm512_roundscale_pd(a, how) emulated::ceil(a)
#undef _mm512_cmp_ps_mask
#undef _mm512_cmp_pd_mask
#define _mm512_cmp_ps_mask emulated::compare
#define _mm512_cmp_pd_mask emulated::compare
#define _mm512_mask_mov_ps emulated::mask_mov
#define _mm512_mask_mov_pd emulated::mask_mov
#define _mm512_mask_add_epi32 emulated::mask_add<emulated::bits>
#define _mm512_mask_add_epi64 emulated::mask_add<emulated::i64>
#define _mm512_permutexvar_ps emulated::permutexvar
#define _mm512_permutexvar_pd emulated::permutexvar
#undef _mm512_i32gather_ps
#undef _mm512_i64gather_pd
#define _mm512_i32gather_ps(i, p, scale) emulated::gather(i, p)
#define _mm512_i64gather_pd(i, p, scale) emulated::gather(i, p)
#define _mm512_slli_epi32 emulated::shift_left
#define _mm512_srli_epi32 emulated::shift_right
#define _mm512_srlv_epi32 emulated::shift_right_each
#define _mm512_slli_epi64 emulated::shift_left_64
#define _mm512_srli_epi64 emulated::shift_right_64
#define _mm512_srlv_epi64 emulated::shift_right_each_64
#define _mm512_permutexvar_epi32 emulated::permute_lanes
#define _mm512_castsi128_si512 emulated::from_128
#define _mm512_broadcastq_epi64 emulated::broadcast_64
#undef _mm512_setr_epi32
#undef _mm512_setr_epi64
#define _mm512_setr_epi32 emulated::lanes
#define _mm512_setr_epi64 emulated::lanes_64
#define _mm512_movepi32_mask emulated::signs<emulated::bits>
#define _mm512_movepi64_mask emulated::signs<emulated::i64>
#define _mm512_castpd_si512 emulated::as<emulated::bits>
#define _mm512_and_si512 emulated::both
#define _mm512_or_si512 emulated::either
#define _mm512_castps_si512 emulated::as<emulated::bits>
#define _mm512_castsi512_ps emulated::as<emulated::f32>
#define _mm512_loadu_si512 emulated::load_bits
#define _mm512_storeu_si512 emulated::store_bits
#define _mm512_unpacklo_epi16 emulated::unpacklo
#define _mm512_unpackhi_epi16 emulated::unpackhi
#define _mm512_packus_epi32 emulated::packus
#define _mm512_set1_epi16(v) emulated::words(v)
#define _mm512_srli_epi16 emulated::words_right
#define _mm512_srai_epi16 emulated::words_right_signed
#define _mm512_xor_si512 emulated::exclusive
#define _mm512_cmpgt_epi16_mask emulated::words_greater
#define _mm512_mask_add_epi16 emulated::mask_add_words
#define _mm512_mask_mov_epi16 emulated::mask_mov_words
#define _mm512_cvtepu16_epi32 emulated::widen
#define _mm512_cvtepi32_epi16 emulated::narrow
#define _mm512_castsi512_si256(a) emulated::half_of(a, 0)
#undef _mm512_extracti64x4_epi64
#define _mm512_extracti64x4_epi64(a, high) emulated::half_of(a, high)
#define _mm512_cvtph_ps emulated::from_half
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph(a, how) emulated::to_half(a)
#define _mm512_packs_epi32 emulated::packs_words
#define _mm512_packs_epi16 emulated::packs_bytes
#define _mm512_broadcast_i32x4 emulated::broadcast_128
#define _mm512_shuffle_epi8 emulated::shuffle_bytes
#define _mm512_set1_epi8(v) emulated::set1_bytes(v)
#define _mm512_test_epi8_mask emulated::test_bytes
#undef _mm512_cvt_roundps_epi32
#undef _mm512_cvt_roundpd_epi64
#define _mm512_cvt_roundps_epi32(a, how) emulated::ceil_to_32(a)
#define _mm512_cvt_roundpd_epi64(a, how) emulated::ceil_to_64(a)
