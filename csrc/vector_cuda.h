// 16 bytes of any dtype, as registers load, compute and store them.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

namespace hatact {

// What fits 32 bits, or one element of a wider type. Half types compute in float32, and are
// converted by name: torch builds with the conversions that casts would use taken out.
template <typename S>
struct Word {
  using Compute = S;
  using Unit = S;
  static constexpr int size = 1;
  static __device__ Compute wide(S v) { return v; }
  static __device__ S narrow(Compute v) { return v; }
  static __device__ void unpack(Unit v, Compute* to) { *to = v; }
  static __device__ Unit pack(const Compute* v) { return *v; }
};

template <>
struct Word<__nv_bfloat16> {
  using Compute = float;
  using Unit = uint32_t;
  static constexpr int size = 2;
  static __device__ float wide(__nv_bfloat16 v) { return __bfloat162float(v); }
  static __device__ __nv_bfloat16 narrow(float v) { return __float2bfloat16_rn(v); }
  static __device__ void unpack(Unit v, float* to) {
    to[0] = __uint_as_float(v << 16);
    to[1] = __uint_as_float(v & 0xffff0000u);
  }
  static __device__ Unit pack(const float* v) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(v[0], v[1]);
    Unit bits;
    memcpy(&bits, &pair, sizeof(bits));
    return bits;
  }
};

template <>
struct Word<__half> {
  using Compute = float;
  using Unit = __half2;
  static constexpr int size = 2;
  static __device__ float wide(__half v) { return __half2float(v); }
  static __device__ __half narrow(float v) { return __float2half_rn(v); }
  static __device__ void unpack(Unit v, float* to) {
    to[0] = __low2float(v);
    to[1] = __high2float(v);
  }
  static __device__ Unit pack(const float* v) { return __floats2half2_rn(v[0], v[1]); }
};

template <typename S>
struct Vector {
  using P = Word<S>;
  using Units = typename P::Unit[16 / sizeof(typename P::Unit)];
  static constexpr int size = 16 / sizeof(S);
  uint4 bits;

  __device__ void unpack(typename P::Compute* to) const {
    Units units;
    memcpy(units, &bits, 16);
#pragma unroll
    for (int i = 0; i < size / P::size; ++i) P::unpack(units[i], to + i * P::size);
  }
  __device__ void pack(const typename P::Compute* v) {
    Units units;
#pragma unroll
    for (int i = 0; i < size / P::size; ++i) units[i] = P::pack(v + i * P::size);
    memcpy(&bits, units, 16);
  }
};

}  // namespace hatact
