// hatact::ppoly_decode on CUDA: gx = g·slopes[code]. What does not fill 16 bytes, or is not aligned
// to them, is taken an element a lane.

#include "code_cuda.h"

namespace hatact {
namespace {

template <typename T>
struct Slopes {
  T at[kMostSlopes];
};

// gx = g·slopes[code]; without kG, g is one value.
template <int kBits, bool kG, typename S, typename T = Compute<S>>
__global__ void __launch_bounds__(kThreads)
    decode_kernel(const __grid_constant__ Slopes<T> slopes,
                  const __grid_constant__ Arrays<S, const uint8_t> a) {
  using V = Vector<S>;
  constexpr int kLoads = kAccesses<S>, kOfGroup = kParts<S>;
  const Share share;
  const int64_t whole = a.whole, vectors = whole * kOfGroup;
  int64_t tile = share.warp * kLanes * kLoads;
  const auto place_of_group = [&](int i) {
    return tile / kOfGroup + i * kLanes + group_of<kOfGroup>(share.lane);
  };
  V g[kLoads];
  uint32_t code[kLoads / kOfGroup];
  const auto load = [&] {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int64_t at = tile + i * kLanes + share.lane;
      if (kG && at < vectors) g[i] = reinterpret_cast<const V*>(a.x)[at];
    }
#pragma unroll
    for (int i = 0; i < kLoads / kOfGroup; ++i) {
      code[i] = load_code<kBits, kOfGroup>(a.code, place_of_group(i), whole);
    }
  };
  load();  // on its way while the table is filled
  __shared__ T table[kMostSlopes];
  if (threadIdx.x < kMostSlopes) {
    table[threadIdx.x] = slopes.at[threadIdx.x] * (kG ? T(1) : Word<S>::wide(*a.x));
  }
  __syncthreads();
  const auto factor = [&](uint32_t group, int e) {
    const char* const bytes = reinterpret_cast<const char*>(table);
    return *reinterpret_cast<const T*>(bytes + place_of<T>(group, e));
  };
  while (tile < vectors) {
    uint32_t group[kLoads / kOfGroup];
#pragma unroll
    for (int i = 0; i < kLoads / kOfGroup; ++i) {
      group[i] = group_in<kBits, kOfGroup>(code[i], place_of_group(i), whole);
    }
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const uint32_t codes = scattered<kOfGroup>(group[i / kOfGroup], i % kOfGroup, share.lane);
      T v[V::size];
      if (kG) g[i].unpack(v);
#pragma unroll
      for (int e = 0; e < V::size; ++e) v[e] = (kG ? v[e] : T(1)) * factor(codes, e);
      g[i].pack(v);
      const int64_t at = tile + i * kLanes + share.lane;
      if (at < vectors) reinterpret_cast<V*>(a.y)[at] = g[i];
    }
    tile += share.warps * kLanes * kLoads;
    if (tile < vectors) load();
  }
  for (int64_t i = whole * kGroup + share.warp * kLanes + share.lane; i < a.size;
       i += share.warps * kLanes) {
    uint32_t group = 0;
    for (int p = 0; p < kBits; ++p) group |= uint32_t{a.code[i / kGroup * kBits + p]} << 8 * p;
    const T v = kG ? Word<S>::wide(a.x[i]) : T(1);
    a.y[i] = Word<S>::narrow(v * factor(group >> i % kGroup, 0));
  }
}

template <int kBits, typename S>
void launch(const std::vector<double>& slopes, const Arrays<S, const uint8_t>& a, bool one_g,
            cudaStream_t stream) {
  Slopes<Compute<S>> s;
  std::fill(s.at, s.at + kMostSlopes, static_cast<Compute<S>>(std::nan("")));
  std::transform(slopes.begin(), slopes.end(), s.at, rounded<Compute<S>>);
  const int grid = blocks(a.size, kThreads * kAccesses<S> * Vector<S>::size);
  if (one_g) {
    decode_kernel<kBits, false, S><<<grid, kThreads, 0, stream>>>(s, a);
  } else {
    decode_kernel<kBits, true, S><<<grid, kThreads, 0, stream>>>(s, a);
  }
}

template <typename S>
void run(const std::vector<double>& slopes, const Arrays<S, const uint8_t>& a, bool one_g,
         cudaStream_t stream) {
  switch (bits_of(slopes.size())) {
    case 1: return launch<1>(slopes, a, one_g, stream);
    case 2: return launch<2>(slopes, a, one_g, stream);
    default: return launch<3>(slopes, a, one_g, stream);
  }
}

Tensor ppoly_decode(Tensor g, Tensor code, std::vector<double> slopes) {
  check(g, code, slopes);
  const torch::stable::accelerator::DeviceGuard guard(g.get_device_index());
  const Tensor gx = new_dense(g, sizes_of(g), g.scalar_type());
  if (g.numel() == 0) return gx;
  const bool one_g = is_one_value(g);
  const Tensor rows = one_g ? g : row_major(g);
  for_dtype(g.scalar_type(), [&](auto element) {
    using S = decltype(element);
    const S* const from = static_cast<const S*>(rows.const_data_ptr());
    const uint8_t* const bytes = static_cast<const uint8_t*>(code.const_data_ptr());
    S* const to = static_cast<S*>(gx.mutable_data_ptr());
    const bool vectors = aligned(one_g ? nullptr : from, bytes, to);
    const int64_t size = g.numel(), whole = vectors ? size / kGroup : 0;
    run(slopes, Arrays<S, const uint8_t>{from, to, bytes, size, whole}, one_g, current_stream(g));
  });
  STD_CUDA_KERNEL_LAUNCH_CHECK();
  return gx;
}

Tensor packed_decode(Tensor g, Tensor code, Tensor slopes) {
  return ppoly_decode(g, code, Packed(slopes).coeffs);
}

}  // namespace
}  // namespace hatact

STABLE_TORCH_LIBRARY_IMPL(hatact, CUDA, m) {
  m.impl("ppoly_decode", TORCH_BOX(&hatact::ppoly_decode));
  m.impl("_packed_decode", TORCH_BOX(&hatact::packed_decode));
}
