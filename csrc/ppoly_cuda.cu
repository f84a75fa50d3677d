// hatact::ppoly on CUDA: y = g·f(x), 16 bytes an access, the numbers of f in a by-value struct.

#include <cuda_runtime.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/macros.h>

#include <algorithm>

#include "ppoly.h"
#include "ppoly_host.h"
#include "vector_cuda.h"

namespace hatact {
namespace {

constexpr int kThreads = 256;
constexpr int kAccesses = 2;  // 16-byte loads of x, and of g, that a thread has in flight
constexpr int kPieces = 32;   // more of them, or a degree above 5, take the slow kernel
constexpr int kChunk = 448;   // numbers that a launch of `upload` takes: under 4 KiB
constexpr int64_t kMaxBlocks = 0x7fffffff;

template <typename S>
struct Arrays {
  const S* x;
  const S* g;
  bool scalar_g;  // g is one element, not as many as x
  S* y;           // may be x
  int64_t size;
  bool aligned;
};

template <typename S>
using Compute = typename Packed<S>::Compute;

template <int D, bool kG, typename S, typename T = Compute<S>>
__global__ void __launch_bounds__(kThreads)
    ppoly_kernel(const __grid_constant__ PPoly<T, kPieces, D> f,
                 const __grid_constant__ Arrays<S> a) {
  using V = Vector<S>;
  constexpr int kVectors = 32 / sizeof(T) / V::size;  // evaluated at once; more cost occupancy
  // Look-ups diverge within a warp: constant memory would serialise them.
  __shared__ Table<T, kPieces, D> table;
  for (int i = threadIdx.x; i < (D + 3) * kPieces; i += kThreads) {
    table.row[0][i] = f.table.row[0][i];
  }
  __syncthreads();
  const T one_g = kG && a.scalar_g ? static_cast<T>(*a.g) : T(1);
  const int64_t vectors = a.aligned ? a.size / V::size : 0;
  const int64_t stride = int64_t(gridDim.x) * kThreads * kAccesses;
  for (int64_t first = int64_t(blockIdx.x) * kThreads * kAccesses + threadIdx.x; first < vectors;
       first += stride) {
    V x[kAccesses], g[kAccesses];
#pragma unroll
    for (int i = 0; i < kAccesses; ++i) {
      const int64_t at = first + i * kThreads;
      if (at < vectors) x[i] = reinterpret_cast<const V*>(a.x)[at];
      if (kG && !a.scalar_g && at < vectors) g[i] = reinterpret_cast<const V*>(a.g)[at];
    }
#pragma unroll
    for (int i = 0; i < kAccesses; i += kVectors) {
      T v[kVectors * V::size];
#pragma unroll
      for (int j = 0; j < kVectors; ++j) x[i + j].unpack(v + j * V::size);
      evaluate(f.outline, table, v);
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
        if (kG) {
          T w[V::size];
          g[i + j].unpack(w);
#pragma unroll
          for (int e = 0; e < V::size; ++e) v[j * V::size + e] *= a.scalar_g ? one_g : w[e];
        }
        x[i + j].pack(v + j * V::size);
      }
    }
#pragma unroll
    for (int i = 0; i < kAccesses; ++i) {
      const int64_t at = first + i * kThreads;
      if (at < vectors) reinterpret_cast<V*>(a.y)[at] = x[i];
    }
  }
  for (int64_t i = vectors * V::size + int64_t(blockIdx.x) * kThreads + threadIdx.x; i < a.size;
       i += int64_t(gridDim.x) * kThreads) {
    T v[1] = {static_cast<T>(a.x[i])};
    evaluate(f.outline, table, v);
    if (kG) v[0] *= a.scalar_g ? one_g : static_cast<T>(a.g[i]);
    a.y[i] = static_cast<S>(v[0]);
  }
}

// For specs beyond the compiled sizes: the table is in device memory.
template <typename S, typename T = Compute<S>>
__global__ void __launch_bounds__(kThreads)
    ppoly_any(const __grid_constant__ Outline<T> f, const T* table,
              const __grid_constant__ Arrays<S> a) {
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < a.size;
       i += int64_t(gridDim.x) * kThreads) {
    T v = evaluate(f, table, static_cast<T>(a.x[i]));
    if (a.g != nullptr) v *= static_cast<T>(a.g[a.scalar_g ? 0 : i]);
    a.y[i] = static_cast<S>(v);
  }
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

int blocks(int64_t size, int64_t each) {
  return static_cast<int>(std::min((size + each - 1) / each, kMaxBlocks));
}

template <int D, typename S>
void launch(const Numbers& p, const Arrays<S>& a, cudaStream_t stream) {
  PPoly<Compute<S>, kPieces, D> f;
  f.outline = lay_out(p.knots.data(), p.pieces() - 1, p.coeffs.data(), p.width(), p.period, D,
                      kPieces, f.table.row[0]);
  const int grid = blocks(a.size, kThreads * kAccesses * Vector<S>::size);
  if (a.g == nullptr) {
    ppoly_kernel<D, false, S><<<grid, kThreads, 0, stream>>>(f, a);
  } else {
    ppoly_kernel<D, true, S><<<grid, kThreads, 0, stream>>>(f, a);
  }
}

template <typename S>
void launch_any(const Numbers& p, const Arrays<S>& a, const Tensor& like, cudaStream_t stream) {
  using T = Compute<S>;
  const int n = p.pieces() - 1, stride = 2 * top_of(n);
  std::vector<T> numbers((p.width() + 2) * static_cast<size_t>(stride));
  const Outline<T> f = lay_out(p.knots.data(), n, p.coeffs.data(), p.width(), p.period,
                               p.width() - 1, stride, numbers.data());
  const int64_t count = static_cast<int64_t>(numbers.size());
  const Tensor table = torch::stable::new_empty(
      like, {count}, sizeof(T) == 4 ? ScalarType::Float : ScalarType::Double);
  T* const to = static_cast<T*>(table.mutable_data_ptr());
  for (int64_t at = 0; at < count; at += kChunk) {
    const int64_t here = std::min<int64_t>(kChunk, count - at);
    Chunk<T> chunk;
    std::copy_n(numbers.data() + at, here, chunk.at);
    upload<<<1, kThreads, 0, stream>>>(chunk, to + at, static_cast<int>(here));
  }
  ppoly_any<S><<<blocks(a.size, kThreads), kThreads, 0, stream>>>(f, to, a);
}

template <typename S>
void run(const Numbers& p, const Operands& o, cudaStream_t stream) {
  const void* x = o.x.const_data_ptr();
  const void* g = o.g ? o.g->const_data_ptr() : nullptr;
  void* y = o.y.mutable_data_ptr();
  const auto at = [](const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); };
  const uintptr_t places = at(x) | at(y) | (o.scalar_g ? 0 : at(g));
  const Arrays<S> a{static_cast<const S*>(x), static_cast<const S*>(g), o.scalar_g,
                    static_cast<S*>(y),       o.y.numel(),              places % 16 == 0};
  const int degree = p.pieces() <= kPieces ? p.width() - 1 : -1;
  switch (degree) {
    case 0: return launch<0>(p, a, stream);
    case 1: return launch<1>(p, a, stream);
    case 2: return launch<2>(p, a, stream);
    case 3: return launch<3>(p, a, stream);
    case 4:
    case 5: return launch<5>(p, a, stream);
    default: return launch_any(p, a, o.y, stream);
  }
}

Tensor ppoly(Tensor x, std::optional<Tensor> g, std::vector<double> knots,
             std::vector<double> coeffs, double period) {
  const Numbers numbers{knots, coeffs, period};
  check(x, g);
  check(numbers, x.scalar_type());
  const torch::stable::accelerator::DeviceGuard guard(x.get_device_index());
  const Operands o(x, g);
  if (o.y.numel() == 0) return o.y;
  void* current = nullptr;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(x.get_device_index(), &current));
  const cudaStream_t stream = static_cast<cudaStream_t>(current);
  switch (x.scalar_type()) {
    case ScalarType::Half: run<__half>(numbers, o, stream); break;
    case ScalarType::BFloat16: run<__nv_bfloat16>(numbers, o, stream); break;
    case ScalarType::Float: run<float>(numbers, o, stream); break;
    default: run<double>(numbers, o, stream);
  }
  STD_CUDA_KERNEL_LAUNCH_CHECK();
  return o.y;
}

}  // namespace
}  // namespace hatact

STABLE_TORCH_LIBRARY_IMPL(hatact, CUDA, m) { m.impl("ppoly", TORCH_BOX(&hatact::ppoly)); }
