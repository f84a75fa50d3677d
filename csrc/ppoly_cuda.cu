// hatact::ppoly on CUDA: y = g·f(x), 16 bytes an access, the numbers of f in a by-value struct.

#include "launch_cuda.h"

namespace hatact {
namespace {

constexpr int kAccesses = 2;  // 16-byte loads of x, and of g, that a thread has in flight

template <typename S>
struct Arrays {
  const S* x;
  const S* g;
  bool scalar_g;  // g is one element, not as many as x
  S* y;           // may be x
  int64_t size;
  int64_t vectors;  // 16 bytes each; what they leave is taken an element at a time
};

template <int D, bool kG, typename S, typename T = Compute<S>>
__global__ void __launch_bounds__(kThreads)
    ppoly_kernel(const __grid_constant__ PPoly<T, kPieces, D> f,
                 const __grid_constant__ Arrays<S> a) {
  using V = Vector<S>;
  constexpr int kVectors = 32 / sizeof(T) / V::size;  // evaluated at once; more cost occupancy
  const int64_t vectors = a.vectors;
  const int64_t stride = int64_t(gridDim.x) * kThreads * kAccesses;
  int64_t first = int64_t(blockIdx.x) * kThreads * kAccesses + threadIdx.x;
  V x[kAccesses], g[kAccesses];
  const auto load = [&] {
#pragma unroll
    for (int i = 0; i < kAccesses; ++i) {
      const int64_t at = first + i * kThreads;
      if (at < vectors) x[i] = reinterpret_cast<const V*>(a.x)[at];
      if (kG && !a.scalar_g && at < vectors) g[i] = reinterpret_cast<const V*>(a.g)[at];
    }
  };
  load();  // on its way while the table is filled
  const T one_g = kG && a.scalar_g ? Word<S>::wide(*a.g) : T(1);
  // Look-ups diverge within a warp: constant memory would serialise them.
  __shared__ Table<T, kPieces, D> table;
  into_shared(f.table, table);
  __syncthreads();
  while (first < vectors) {
#pragma unroll
    for (int i = 0; i < kAccesses; i += kVectors) {
      T v[kVectors * V::size];
      int place[kVectors * V::size];
#pragma unroll
      for (int j = 0; j < kVectors; ++j) x[i + j].unpack(v + j * V::size);
      evaluate(f.outline, table, v, place);
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
    first += stride;
    if (first < vectors) load();
  }
  for (int64_t i = vectors * V::size + int64_t(blockIdx.x) * kThreads + threadIdx.x; i < a.size;
       i += int64_t(gridDim.x) * kThreads) {
    T v[1] = {Word<S>::wide(a.x[i])};
    int place[1];
    evaluate(f.outline, table, v, place);
    if (kG) v[0] *= a.scalar_g ? one_g : Word<S>::wide(a.g[i]);
    a.y[i] = Word<S>::narrow(v[0]);
  }
}

// For specs beyond the compiled sizes: the table is in device memory.
template <typename S, typename T = Compute<S>>
__global__ void __launch_bounds__(kThreads)
    ppoly_any(const __grid_constant__ Outline<T> f, const T* table,
              const __grid_constant__ Arrays<S> a) {
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < a.size;
       i += int64_t(gridDim.x) * kThreads) {
    int piece;
    T v = evaluate(f, table, Word<S>::wide(a.x[i]), piece);
    if (a.g != nullptr) v *= Word<S>::wide(a.g[a.scalar_g ? 0 : i]);
    a.y[i] = Word<S>::narrow(v);
  }
}

template <typename S>
void launch_any(const Numbers& p, const Arrays<S>& a, const Tensor& like, cudaStream_t stream) {
  using T = Compute<S>;
  const int n = p.pieces() - 1, stride = 2 * top_of(n);
  std::vector<T> numbers((p.width() + 2) * static_cast<size_t>(stride));
  const Outline<T> f = lay_out(p.knots.data(), n, p.coeffs.data(), p.width(), p.period,
                               p.width() - 1, stride, numbers.data());
  const Tensor held = uploaded(numbers, like, stream);
  const T* const table = static_cast<const T*>(held.const_data_ptr());
  ppoly_any<S><<<blocks(a.size, kThreads), kThreads, 0, stream>>>(f, table, a);
}

template <int D, typename S>
void launch(const Numbers& p, const Arrays<S>& a, const Tensor& like, cudaStream_t stream) {
  PPoly<Compute<S>, kPieces, D> f;
  f.outline = lay_out(p.knots.data(), p.pieces() - 1, p.coeffs.data(), p.width(), p.period, D,
                      kPieces, f.table.rows);
  if (D == 1 && f.outline.select_limits) return launch_any(p, a, like, stream);
  const int grid = blocks(a.size, kThreads * kAccesses * Vector<S>::size);
  if (a.g == nullptr) {
    ppoly_kernel<D, false, S><<<grid, kThreads, 0, stream>>>(f, a);
  } else {
    ppoly_kernel<D, true, S><<<grid, kThreads, 0, stream>>>(f, a);
  }
}

template <typename S>
void run(const Numbers& p, const Arrays<S>& a, const Tensor& like, cudaStream_t stream) {
  const int degree = p.pieces() <= kPieces ? p.width() - 1 : -1;
  switch (degree) {
    case 0: return launch<0>(p, a, like, stream);
    case 1: return launch<1>(p, a, like, stream);
    case 2: return launch<2>(p, a, like, stream);
    case 3: return launch<3>(p, a, like, stream);
    case 4:
    case 5: return launch<5>(p, a, like, stream);
    default: return launch_any(p, a, like, stream);
  }
}

// y = g·f(x) in the order of memory, which all of them walk alike; y may be x.
void apply(const Numbers& numbers, const Tensor& x, const std::optional<Tensor>& g, bool scalar_g,
           const Tensor& y) {
  if (y.numel() == 0) return;
  const cudaStream_t stream = current_stream(x);
  for_dtype(x.scalar_type(), [&](auto element) {
    using S = decltype(element);
    const S* const from = static_cast<const S*>(x.const_data_ptr());
    const S* const with = g ? static_cast<const S*>(g->const_data_ptr()) : nullptr;
    S* const to = static_cast<S*>(y.mutable_data_ptr());
    const bool whole = aligned(from, scalar_g ? from : with, to);
    const int64_t size = y.numel(), vectors = whole ? size / Vector<S>::size : 0;
    run(numbers, Arrays<S>{from, with, scalar_g, to, size, vectors}, y, stream);
  });
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

Tensor ppoly(Tensor x, std::optional<Tensor> g, std::vector<double> knots,
             std::vector<double> coeffs, double period) {
  const Numbers numbers{knots, coeffs, period};
  check(x, g);
  check(numbers, x.scalar_type());
  const torch::stable::accelerator::DeviceGuard guard(x.get_device_index());
  const Operands o(x, g);
  apply(numbers, o.x, o.g, o.scalar_g, o.y);
  return o.y;
}

// Whether the elements of x, which share no memory, leave no gap in it.
bool is_dense(const Tensor& x) {
  int64_t extent = 1;
  for (int64_t d = 0; d < x.dim(); ++d) extent += (x.size(d) - 1) * x.stride(d);
  return extent == x.numel();
}

void ppoly_(Tensor x, std::vector<double> knots, std::vector<double> coeffs, double period) {
  const Numbers numbers{knots, coeffs, period};
  check(x, std::nullopt);
  check(numbers, x.scalar_type());
  check_in_place(x);
  const torch::stable::accelerator::DeviceGuard guard(x.get_device_index());
  if (is_dense(x)) return apply(numbers, x, std::nullopt, false, x);
  RowMajor o(x, true);
  apply(numbers, o.from, std::nullopt, false, o.to);
  o.finish();
}

}  // namespace
}  // namespace hatact

STABLE_TORCH_LIBRARY_IMPL(hatact, CUDA, m) {
  m.impl("ppoly", TORCH_BOX(&hatact::ppoly));
  m.impl("ppoly_", TORCH_BOX(&hatact::ppoly_));
}
