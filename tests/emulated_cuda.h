// What csrc/ppoly_cuda.cu uses of CUDA C++, as plain C++ that runs one thread after the other, so
// that its logic is tested without a GPU. Correctness only; slow.
#pragma once

#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>

#include <cstdint>
#include <cstring>
#include <vector>

#define __global__
#define __device__
#define __grid_constant__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(threads)

using cudaStream_t = void*;
using __nv_bfloat16 = c10::BFloat16;
using __half = c10::Half;
struct uint4 { uint32_t x, y, z, w; };
struct __nv_bfloat162 { __nv_bfloat16 x, y; };
struct __half2 { __half x, y; };

inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b) { return {a, b}; }
inline __half2 __floats2half2_rn(float a, float b) { return {a, b}; }
inline float __low2float(__half2 v) { return v.x; }
inline float __high2float(__half2 v) { return v.y; }
inline float __uint_as_float(uint32_t bits) {
  float v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

namespace emulated {

struct Index { unsigned x = 0; };
struct AtBarrier {};
inline bool all_arrived = false;

// Threads run up to the barrier, if the kernel has one; then each runs again, through it. What
// a thread does before the barrier must bear repetition.
template <typename Kernel>
void launch(int blocks, int threads, const Kernel& kernel);

}  // namespace emulated

inline emulated::Index threadIdx, blockIdx, gridDim;

inline void __syncthreads() {
  if (!emulated::all_arrived) throw emulated::AtBarrier{};
}

template <typename Kernel>
void emulated::launch(int blocks, int threads, const Kernel& kernel) {
  gridDim.x = blocks;
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) {
    std::vector<bool> waits(threads, false);
    for (const bool arrived : {false, true}) {
      all_arrived = arrived;
      for (threadIdx.x = 0; threadIdx.x < unsigned(threads); ++threadIdx.x) {
        if (arrived && !waits[threadIdx.x]) continue;
        try {
          kernel();
        } catch (AtBarrier) {
          waits[threadIdx.x] = true;
        }
      }
    }
  }
}
