// The slope code within a warp: from the elements' indices to bytes in memory, and back.
//
// The codes of a group of 8 elements are held as one number, its `group`: byte p is the p-th of
// the group's bytes in memory. What one element adds to it is its index `spread`, bit p in byte p,
// shifted left by the element's place in the group.
//
// A warp takes 32 groups at a time. Where a group is several vectors of 16 bytes, lanes do not
// take neighbouring vectors, which would leave half of each 32-byte sector to another load:
// vector i of a lane is vector 32 i + lane of the warp's, and the lanes exchange their parts of
// groups. Of N vectors each, lane l gets to hold group (l mod N)·32/N + l/N, and so the loads, the
// stores and the bytes of the code all fill sectors.
#pragma once

#include <cstdint>

#include "launch_cuda.h"

namespace hatact {

constexpr int kLanes = 32;
constexpr unsigned kAll = 0xffffffffu;  // lanes of a warp
constexpr int kWarps = kThreads / kLanes;

template <typename S>
constexpr int kParts = kGroup / Vector<S>::size;  // vectors of a group
template <typename S>
constexpr int kAccesses = kParts<S> == 4 ? 4 : 2;  // 16-byte loads that a thread has in flight

template <typename S, typename Byte>
struct Arrays {
  const S* x;  // or g
  S* y;        // may be x; or gx
  Byte* code;
  int64_t size;
  int64_t whole;  // groups that are whole vectors
};

// The part of a launch that a lane works on.
struct Share {
  int lane = threadIdx.x % kLanes;
  int64_t warp = int64_t(blockIdx.x) * kWarps + threadIdx.x / kLanes;
  int64_t warps = int64_t(gridDim.x) * kWarps;
};

template <int N>
__device__ __forceinline__ int group_of(int lane) {
  return lane % N * (kLanes / N) + lane / N;
}

// From what the lane's N vectors add to their groups, the group that the lane is to hold.
template <int N>
__device__ __forceinline__ uint32_t gathered(uint32_t (&part)[N], int lane) {
#pragma unroll
  for (int i = 0; i < N; ++i) part[i] <<= lane % N * (kGroup / N);
#pragma unroll
  for (int half = N / 2; half > 0; half /= 2) {
    const bool upper = lane & half;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const uint32_t sent = upper ? part[i] : part[i + half];
      part[i] = (upper ? part[i + half] : part[i]) | __shfl_xor_sync(kAll, sent, half);
    }
  }
  return part[0];
}

// The reverse: of the lane's vector i, the codes of its elements from place 0 on.
template <int N>
__device__ __forceinline__ uint32_t scattered(uint32_t group, int i, int lane) {
  if constexpr (N == 1) return group;
  return __shfl_sync(kAll, group, lane - lane % N + i) >> (lane % N * (kGroup / N));
}

// Three bytes a group: 4 groups are 3 words, and of the lanes that hold them the first three access
// one each. Word q is bytes q + 1 … q + 4 of group q, moved up by one byte, and the next group; and
// group q is bytes 4 − q … 6 − q of words q − 1 and q (its byte 3 is then of no meaning).
template <int N>
struct Triples {
  int q;         // which of the 4 groups
  bool in_word;  // whether all of the 4 are in memory

  __device__ Triples(int64_t at, int64_t groups)
      : q(static_cast<int>(at % 4)), in_word(at - at % 4 + 4 <= groups) {}

  __device__ uint32_t word(uint32_t group) const {
    const uint32_t next = __shfl_down_sync(kAll, group, N);
    return __byte_perm(group << 8, next, 0x4321 + 0x1111 * q);
  }
  __device__ uint32_t group(uint32_t word) const {
    const uint32_t before = __shfl_up_sync(kAll, word, N);
    return __byte_perm(before, word, 0x7654 - 0x1111 * q);
  }
};

// Group `at` of a code of `groups` of them; nothing where it lies beyond. All lanes call it, each
// with its own, N lanes apart from the next.
template <int kBits, int N>
__device__ __forceinline__ void store_group(uint8_t* code, int64_t at, int64_t groups,
                                            uint32_t group) {
  if constexpr (kBits == 3) {
    const Triples<N> quad(at, groups);
    const uint32_t word = quad.word(group);
    if (quad.in_word) {
      if (quad.q < 3) reinterpret_cast<uint32_t*>(code)[at / 4 * 3 + quad.q] = word;
    } else if (at < groups) {
      for (int p = 0; p < 3; ++p) code[at * 3 + p] = static_cast<uint8_t>(group >> 8 * p);
    }
  } else if (at < groups) {
    if constexpr (kBits == 1) code[at] = static_cast<uint8_t>(group);
    if constexpr (kBits == 2) reinterpret_cast<uint16_t*>(code)[at] = static_cast<uint16_t>(group);
  }
}

// What the lane loads for group `at`: the group, or a word that holds parts of it.
template <int kBits, int N>
__device__ __forceinline__ uint32_t load_code(const uint8_t* code, int64_t at, int64_t groups) {
  uint32_t loaded = 0;
  if constexpr (kBits == 3) {
    const Triples<N> quad(at, groups);
    if (quad.in_word) {
      if (quad.q < 3) loaded = reinterpret_cast<const uint32_t*>(code)[at / 4 * 3 + quad.q];
    } else if (at < groups) {
      loaded = code[at * 3] | code[at * 3 + 1] << 8 | code[at * 3 + 2] << 16;
    }
  } else if (at < groups) {
    if constexpr (kBits == 1) loaded = code[at];
    if constexpr (kBits == 2) loaded = reinterpret_cast<const uint16_t*>(code)[at];
  }
  return loaded;
}

// The group out of what `load_code` gave, apart from it because lanes that exchange words wait for
// them.
template <int kBits, int N>
__device__ __forceinline__ uint32_t group_in(uint32_t loaded, int64_t at, int64_t groups) {
  if constexpr (kBits < 3) return loaded;
  const Triples<N> quad(at, groups);
  const uint32_t group = quad.group(loaded);
  return quad.in_word ? group : loaded;
}

// The bytes of the elements from `first` on, of which each lane has one: its index is given spread,
// and 0 beyond the last element.
__device__ __forceinline__ void store_bytes(uint8_t* code, int64_t first, int64_t size, int bits,
                                            uint32_t spread, int lane) {
  const int64_t group = first / kGroup + lane;
  for (int p = 0; p < bits; ++p) {
    const uint32_t four = __ballot_sync(kAll, spread >> 8 * p & 1);
    if (lane < 4 && group * kGroup < size) {
      code[group * bits + p] = static_cast<uint8_t>(four >> 8 * lane);
    }
  }
}

// Where the table entry of the element at place e lies, in bytes: its bits, 8 apart, are brought
// together by one multiplication, whose other terms fall below or out of the word.
template <typename T>
__device__ __forceinline__ uint32_t place_of(uint32_t group, int e) {
  constexpr int kTop = 29;
  const uint32_t bits = group & 0x010101u << e;
  const uint32_t together = bits * ((1u << kTop | 1u << (kTop - 7) | 1u << (kTop - 14)) >> e);
  return together >> (kTop - (sizeof(T) == 4 ? 2 : 3));
}

}  // namespace hatact
