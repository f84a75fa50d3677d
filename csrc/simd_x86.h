// Slope codes in 128-bit registers, for the AVX2 and AVX-512 files: interleaves the bytes of the
// bit planes, and deals the bytes of groups out again.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace hatact {
namespace {

// Byte k of the result is byte at[k] of v; 0 where at[k] < 0.
struct Bytes { int8_t at[16]; };
inline __m128i shuffled(__m128i v, const Bytes& from) {
  return _mm_shuffle_epi8(v, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from.at)));
}

template <int kBytes>
inline void store_bytes(uint8_t* to, __m128i v) {
  if constexpr (kBytes == 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v);
  } else {
    const int64_t low = _mm_cvtsi128_si64(v);
    std::memcpy(to, &low, kBytes < 8 ? kBytes : 8);
    if constexpr (kBytes > 8) {
      const int64_t high = _mm_extract_epi64(v, 1);
      std::memcpy(to + 8, &high, kBytes - 8);
    }
  }
}

// Byte k of the codes of groups is byte k / 3 of plane k % 3: the first two planes come as pairs.
constexpr Bytes of_three_planes(int first, bool pairs) {
  Bytes b{};
  for (int k = 0; k < 16; ++k) {
    const int group = (first + k) / 3, plane = (first + k) % 3;
    b.at[k] = static_cast<int8_t>(group > 7 ? -1 : plane == 2 ? (pairs ? -1 : group)
                                                              : (pairs ? 2 * group + plane : -1));
  }
  return b;
}

template <int kBits, int kGroups>
inline void store_groups(uint8_t* to, const uint64_t (&plane)[kBits]) {
  if constexpr (kBits == 1) {
    std::memcpy(to, &plane[0], kGroups);
  } else {
    const __m128i pairs = _mm_unpacklo_epi8(_mm_cvtsi64_si128(static_cast<int64_t>(plane[0])),
                                            _mm_cvtsi64_si128(static_cast<int64_t>(plane[1])));
    if constexpr (kBits == 2) {
      store_bytes<2 * kGroups>(to, pairs);
    } else {
      constexpr Bytes kPairs = of_three_planes(0, true), kThird = of_three_planes(0, false);
      constexpr Bytes kMorePairs = of_three_planes(16, true);
      constexpr Bytes kMoreThird = of_three_planes(16, false);
      const __m128i third = _mm_cvtsi64_si128(static_cast<int64_t>(plane[2]));
      const auto mixed = [&](const Bytes& a, const Bytes& b) {
        return _mm_or_si128(shuffled(pairs, a), shuffled(third, b));
      };
      store_bytes<(3 * kGroups < 16 ? 3 * kGroups : 16)>(to, mixed(kPairs, kThird));
      if constexpr (3 * kGroups > 16) {
        store_bytes<3 * kGroups - 16>(to + 16, mixed(kMorePairs, kMoreThird));
      }
    }
  }
}

// One memcpy of an odd size would go through memory, byte-wise in and whole out: a stall.
template <int kBytes>
inline uint64_t loaded(const uint8_t* from) {
  if constexpr (kBytes == 0) {
    return 0;
  } else if constexpr ((kBytes & (kBytes - 1)) == 0) {
    uint64_t v = 0;
    std::memcpy(&v, from, kBytes);
    return v;
  } else {
    constexpr int kFirst = kBytes > 4 ? 4 : 2;
    return loaded<kFirst>(from) | loaded<kBytes - kFirst>(from + kFirst) << 8 * kFirst;
  }
}

constexpr Bytes word_of_each_group(int bits) {
  Bytes b{};
  for (int k = 0; k < 16; ++k) b.at[k] = static_cast<int8_t>(k % 4 < bits ? k / 4 * bits + k % 4 : -1);
  return b;
}

// The bytes of up to four groups, each as one 32-bit word: bit l of byte p is bit p of the code of
// the group's element l.
template <int kBits, int kGroups>
inline __m128i group_words(const uint8_t* code) {
  constexpr int kBytes = kBits * kGroups;
  const uint64_t low = loaded<(kBytes < 8 ? kBytes : 8)>(code);
  const uint64_t high = loaded<(kBytes > 8 ? kBytes - 8 : 0)>(code + 8);
  constexpr Bytes kWords = word_of_each_group(kBits);
  const __m128i bytes = kBytes > 8 ? _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(low))
                                   : _mm_cvtsi64_si128(static_cast<int64_t>(low));
  return shuffled(bytes, kWords);
}

// Of a lane whose lowest bits of bytes 0, 1, 2 are those of a code: the code, in the lowest bits.
constexpr int kCodeBits[] = {0, 0x1, 0x101, 0x10101};

}  // namespace
}  // namespace hatact
