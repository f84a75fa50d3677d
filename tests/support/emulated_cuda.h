// What csrc/*_cuda* uses of CUDA C++, as plain C++, so that its logic is tested without a GPU: the
// threads of a block are coroutines that take turns at barriers and shuffles. Correctness only.
#pragma once

#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
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
struct alignas(16) uint4 { uint32_t x, y, z, w; };
struct __nv_bfloat162 { __nv_bfloat16 x, y; };
struct __half2 { __half x, y; };

inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b) { return {a, b}; }
inline __half2 __floats2half2_rn(float a, float b) { return {a, b}; }
inline float __bfloat162float(__nv_bfloat16 v) { return v; }
inline float __half2float(__half v) { return v; }
inline __nv_bfloat16 __float2bfloat16_rn(float v) { return v; }
inline __half __float2half_rn(float v) { return v; }
inline float __low2float(__half2 v) { return v.x; }
inline float __high2float(__half2 v) { return v.y; }
inline float __uint_as_float(uint32_t bits) {
  float v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}
inline uint32_t __byte_perm(uint32_t low, uint32_t high, uint32_t selector) {
  const uint64_t bytes = uint64_t{high} << 32 | low;
  uint32_t found = 0;
  for (int i = 0; i < 4; ++i) {
    found |= (bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
  }
  return found;
}

namespace emulated {

struct Index { unsigned x = 0; };

}  // namespace emulated

inline emulated::Index threadIdx, blockIdx, gridDim;

namespace emulated {

constexpr int kLanes = 32;
constexpr size_t kStack = 1 << 15;

enum class At { kReady, kExchange, kBarrier, kEnd };

struct Thread {
  ucontext_t context;
  At at;
  uint32_t gives, given;  // to the exchange it has come to; to the last one of its warp
};

inline std::vector<Thread> threads;
inline std::vector<char> stacks;
inline ucontext_t scheduler;
inline std::function<void()> body;

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "emulated CUDA: %s\n", what);
  std::abort();
}

inline void wait(At at) {
  Thread& mine = threads[threadIdx.x];
  mine.at = at;
  swapcontext(&mine.context, &scheduler);
}

// What all lanes give to an exchange; a warp's lanes come to each of them together.
inline const Thread* exchanged(unsigned mask, uint32_t gives) {
  if (mask != 0xffffffffu) fail("an exchange that is not of the whole warp");
  threads[threadIdx.x].gives = gives;
  wait(At::kExchange);
  return &threads[threadIdx.x / kLanes * kLanes];
}

inline int lane() { return threadIdx.x % kLanes; }

inline void start() {
  body();
  wait(At::kEnd);
}

inline size_t count(size_t from, size_t to, At at) {
  size_t found = 0;
  for (size_t t = from; t < to; ++t) found += threads[t].at == at;
  return found;
}

inline void release(size_t from, size_t to) {
  for (size_t t = from; t < to; ++t) {
    threads[t].given = threads[t].gives;
    threads[t].at = At::kReady;
  }
}

inline void run_block() {
  const size_t all = threads.size();
  for (size_t t = 0; t < all; ++t) {
    Thread& thread = threads[t];
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = &stacks[t * kStack];
    thread.context.uc_stack.ss_size = kStack;
    makecontext(&thread.context, &start, 0);
    thread.at = At::kReady;
  }
  while (count(0, all, At::kEnd) < all) {
    for (size_t t = 0; t < all; ++t) {
      if (threads[t].at != At::kReady) continue;
      threadIdx.x = static_cast<unsigned>(t);
      swapcontext(&scheduler, &threads[t].context);
    }
    if (count(0, all, At::kBarrier) == all) release(0, all);
    for (size_t warp = 0; warp < all; warp += kLanes) {
      const size_t there = count(warp, warp + kLanes, At::kExchange);
      if (there == kLanes) release(warp, warp + kLanes);
      if (there % kLanes != 0) fail("an exchange that some lanes of a warp do not come to");
    }
    if (count(0, all, At::kReady) == 0 && count(0, all, At::kBarrier) > 0) {
      fail("a barrier that some threads do not come to");
    }
  }
}

template <typename Kernel>
void launch(int blocks, int size, const Kernel& kernel) {
  threads.resize(size);
  stacks.resize(size * kStack);
  body = kernel;
  gridDim.x = blocks;
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) run_block();
}

}  // namespace emulated

inline void __syncthreads() { emulated::wait(emulated::At::kBarrier); }
inline uint32_t __shfl_sync(unsigned mask, uint32_t v, int from) {
  return emulated::exchanged(mask, v)[from % emulated::kLanes].given;
}
inline uint32_t __shfl_xor_sync(unsigned mask, uint32_t v, int with) {
  return emulated::exchanged(mask, v)[emulated::lane() ^ with].given;
}
inline uint32_t __shfl_up_sync(unsigned mask, uint32_t v, int by) {
  const int from = emulated::lane() - by;
  return emulated::exchanged(mask, v)[from < 0 ? from + by : from].given;
}
inline uint32_t __shfl_down_sync(unsigned mask, uint32_t v, int by) {
  const int from = emulated::lane() + by;
  return emulated::exchanged(mask, v)[from < emulated::kLanes ? from : from - by].given;
}
inline uint32_t __ballot_sync(unsigned mask, uint32_t v) {
  const emulated::Thread* const warp = emulated::exchanged(mask, v != 0);
  uint32_t found = 0;
  for (int i = 0; i < emulated::kLanes; ++i) found |= warp[i].given << i;
  return found;
}
