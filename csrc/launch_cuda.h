// What the CUDA launchers share: the grid, the stream, and numbers in device memory.
#pragma once

#include <cuda_runtime.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/macros.h>

#include <algorithm>

#include "code_host.h"
#include "ppoly.h"
#include "vector_cuda.h"

namespace hatact {

constexpr int kThreads = 256;
constexpr int kPieces = 32;  // more of them take the slow kernels
constexpr int kChunk = 448;  // numbers that a launch of `upload` takes: under 4 KiB
constexpr int64_t kMaxBlocks = 0x7fffffff;

template <typename S>
using Compute = typename Word<S>::Compute;

inline int blocks(int64_t size, int64_t each) {
  return static_cast<int>(std::min((size + each - 1) / each, kMaxBlocks));
}

template <typename... Pointers>
bool aligned(const Pointers*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) | ...) % 16) == 0;
}

inline cudaStream_t current_stream(const Tensor& x) {
  void* stream = nullptr;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(x.get_device_index(), &stream));
  return static_cast<cudaStream_t>(stream);
}

// Calls run with an element of the dtype.
template <typename Run>
void for_dtype(ScalarType dtype, const Run& run) {
  switch (dtype) {
    case ScalarType::Half: return run(__half{});
    case ScalarType::BFloat16: return run(__nv_bfloat16{});
    case ScalarType::Float: return run(float{});
    default: return run(double{});
  }
}

// Copies a table from a kernel's parameters to shared memory, 16 bytes a thread; a barrier is to
// follow. The compiler is not to know that it reads parameters: it would take the constant cache,
// which serves one after another the threads of a warp that read different entries.
template <typename T>
__device__ __forceinline__ void into_shared(const T& from, T& to) {
  constexpr unsigned kUnits = sizeof(T) / sizeof(uint4);
  static_assert(sizeof(T) % sizeof(uint4) == 0 && alignof(T) % sizeof(uint4) == 0);
  static_assert(kUnits <= kThreads);
  const uint4* units = reinterpret_cast<const uint4*>(&from);
#if defined(__CUDA_ARCH__)
  asm("" : "+l"(units));
#endif
  if (threadIdx.x < kUnits) reinterpret_cast<uint4*>(&to)[threadIdx.x] = units[threadIdx.x];
}

template <typename T>
struct Chunk {
  T at[kChunk];
};

// By value: a copy would tie a captured graph to host memory that is gone when it is replayed.
template <typename T>
__global__ void upload(const __grid_constant__ Chunk<T> from, T* to, int count) {
  for (int i = threadIdx.x; i < count; i += kThreads) to[i] = from.at[i];
}

// The numbers in bytes that the device has allocated.
template <typename T>
Tensor uploaded(const std::vector<T>& numbers, const Tensor& like, cudaStream_t stream) {
  const int64_t count = static_cast<int64_t>(numbers.size());
  const Tensor made = new_dense(like, {count * int64_t(sizeof(T))}, ScalarType::Byte);
  T* const to = static_cast<T*>(made.mutable_data_ptr());
  for (int64_t at = 0; at < count; at += kChunk) {
    const int64_t here = std::min<int64_t>(kChunk, count - at);
    Chunk<T> chunk;
    std::copy_n(numbers.data() + at, here, chunk.at);
    upload<T><<<1, kThreads, 0, stream>>>(chunk, to + at, static_cast<int>(here));
  }
  return made;
}

}  // namespace hatact
