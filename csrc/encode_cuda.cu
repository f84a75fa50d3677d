// hatact::ppoly_encode and its variants on CUDA: y = f(x), and the code of f's slope there. What
// does not fill 16 bytes, or is not aligned to them, is taken an element a lane.

#include "code_cuda.h"

namespace hatact {
namespace {

template <typename T, int D>
struct Tables {
  Table<T, kPieces, D> pieces;
  std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t> spread[kPieces];  // of T's size
};

template <typename T, int D>
struct Encoder {
  Outline<T> outline;
  Tables<T, D> tables;
};

template <int kBits, int D, typename S, typename T = Compute<S>>
__global__ void __launch_bounds__(kThreads)
    encode_kernel(const __grid_constant__ Encoder<T, D> f,
                  const __grid_constant__ Arrays<S, uint8_t> a) {
  using V = Vector<S>;
  constexpr int kLoads = kAccesses<S>, kOfGroup = kParts<S>;
  constexpr int kVectors = 32 / sizeof(T) / V::size;  // evaluated at once; more cost occupancy
  const Share share;
  const int64_t whole = a.whole, vectors = whole * kOfGroup;
  int64_t tile = share.warp * kLanes * kLoads;
  V x[kLoads];
  const auto load = [&] {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int64_t at = tile + i * kLanes + share.lane;
      if (at < vectors) x[i] = reinterpret_cast<const V*>(a.x)[at];
    }
  };
  load();  // on its way while the tables are filled
  // Look-ups diverge within a warp: constant memory would serialise them.
  __shared__ Tables<T, D> tables;
  into_shared(f.tables, tables);
  __syncthreads();
  const auto spread_at = [&](int place) {
    const char* const bytes = reinterpret_cast<const char*>(tables.spread);
    return *reinterpret_cast<const uint32_t*>(bytes + place);
  };
  while (tile < vectors) {
    uint32_t part[kLoads / kOfGroup][kOfGroup] = {};
#pragma unroll
    for (int i = 0; i < kLoads; i += kVectors) {
      T v[kVectors * V::size];
      int place[kVectors * V::size];
#pragma unroll
      for (int j = 0; j < kVectors; ++j) x[i + j].unpack(v + j * V::size);
      evaluate(f.outline, tables.pieces, v, place);
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
        x[i + j].pack(v + j * V::size);
#pragma unroll
        for (int e = 0; e < V::size; ++e) {
          part[(i + j) / kOfGroup][(i + j) % kOfGroup] += spread_at(place[j * V::size + e]) << e;
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int64_t at = tile + i * kLanes + share.lane;
      if (at < vectors) reinterpret_cast<V*>(a.y)[at] = x[i];
    }
#pragma unroll
    for (int i = 0; i < kLoads / kOfGroup; ++i) {
      const int64_t at = tile / kOfGroup + i * kLanes + group_of<kOfGroup>(share.lane);
      store_group<kBits, kOfGroup>(a.code, at, whole, gathered(part[i], share.lane));
    }
    tile += share.warps * kLanes * kLoads;
    if (tile < vectors) load();
  }
  for (int64_t first = whole * kGroup + share.warp * kLanes; first < a.size;
       first += share.warps * kLanes) {
    const int64_t i = first + share.lane;
    uint32_t spread = 0;
    if (i < a.size) {
      T v[1] = {Word<S>::wide(a.x[i])};
      int place[1];
      evaluate(f.outline, tables.pieces, v, place);
      a.y[i] = Word<S>::narrow(v[0]);
      spread = spread_at(place[0]);
    }
    store_bytes(a.code, first, a.size, kBits, spread, share.lane);
  }
}

// For specs beyond the compiled sizes: the tables are in device memory.
template <typename S, typename T = Compute<S>>
__global__ void __launch_bounds__(kThreads)
    encode_any(const __grid_constant__ Outline<T> f, const T* table, const uint32_t* spreads,
               int bits, const __grid_constant__ Arrays<S, uint8_t> a) {
  const Share share;
  for (int64_t first = share.warp * kLanes; first < a.size; first += share.warps * kLanes) {
    const int64_t i = first + share.lane;
    uint32_t spread = 0;
    if (i < a.size) {
      int piece;
      a.y[i] = Word<S>::narrow(evaluate(f, table, Word<S>::wide(a.x[i]), piece));
      spread = spreads[piece];
    }
    store_bytes(a.code, first, a.size, bits, spread, share.lane);
  }
}

uint32_t spread_of(const std::vector<int>& index, int piece) {
  const unsigned i = index[std::min<size_t>(piece, index.size() - 1)];
  return (i & 1) | (i & 2) << 7 | (i & 4) << 14;
}

template <typename S>
void launch_any(const Numbers& p, const SlopeCode& code, const Arrays<S, uint8_t>& a,
                const Tensor& like, cudaStream_t stream) {
  using T = Compute<S>;
  const int top = top_of(static_cast<int>(code.index.size()) - 1), stride = 2 * top;
  std::vector<T> numbers((p.width() + 2) * static_cast<size_t>(stride));
  Outline<T> f = lay_out(p.knots.data(), p.pieces() - 1, p.coeffs.data(), p.width(), p.period,
                         p.width() - 1, stride, numbers.data());
  f.top = top;
  std::vector<uint32_t> spreads(stride);
  for (int i = 0; i < stride; ++i) spreads[i] = spread_of(code.index, i);
  const Tensor held = uploaded(numbers, like, stream), held_too = uploaded(spreads, like, stream);
  const T* const table = static_cast<const T*>(held.const_data_ptr());
  const uint32_t* const spread = static_cast<const uint32_t*>(held_too.const_data_ptr());
  const int grid = blocks(a.size, kThreads);
  encode_any<S><<<grid, kThreads, 0, stream>>>(f, table, spread, code.bits(), a);
}

template <int kBits, int D, typename S>
void launch(const Numbers& p, const SlopeCode& code, const Arrays<S, uint8_t>& a,
            const Tensor& like, cudaStream_t stream) {
  Encoder<Compute<S>, D> f;
  f.outline = lay_out(p.knots.data(), p.pieces() - 1, p.coeffs.data(), p.width(), p.period, D,
                      kPieces, f.tables.pieces.rows);
  if (D == 1 && f.outline.select_limits) return launch_any(p, code, a, like, stream);
  f.outline.top = top_of(static_cast<int>(code.index.size()) - 1);
  for (int i = 0; i < kPieces; ++i) f.tables.spread[i] = spread_of(code.index, i);
  const int grid = blocks(a.size, kThreads * kAccesses<S> * Vector<S>::size);
  encode_kernel<kBits, D, S><<<grid, kThreads, 0, stream>>>(f, a);
}

// A periodic f has a knot more in the table, at +inf, and right of it what gives NaN.
template <typename S>
void run(const Numbers& p, const SlopeCode& code, const Arrays<S, uint8_t>& a, const Tensor& like,
         cudaStream_t stream) {
  if (code.index.size() > kPieces) return launch_any(p, code, a, like, stream);
  if (p.width() == 1) return launch<1, 0>(p, code, a, like, stream);
  switch (code.bits()) {
    case 1: return launch<1, 1>(p, code, a, like, stream);
    case 2: return launch<2, 1>(p, code, a, like, stream);
    default: return launch<3, 1>(p, code, a, like, stream);
  }
}

std::tuple<Tensor, Tensor> encoded(const Tensor& x, const Numbers& numbers, bool in_place) {
  check(x, std::nullopt);
  check(numbers, x.scalar_type());
  const SlopeCode code(numbers);
  if (in_place) check_in_place(x);
  const torch::stable::accelerator::DeviceGuard guard(x.get_device_index());
  const Tensor bytes = new_code(x, code.bits());
  RowMajor o(x, in_place);
  if (x.numel() == 0) return {o.y, bytes};
  for_dtype(x.scalar_type(), [&](auto element) {
    using S = decltype(element);
    const S* const from = static_cast<const S*>(o.from.const_data_ptr());
    S* const to = static_cast<S*>(o.to.mutable_data_ptr());
    uint8_t* const into = static_cast<uint8_t*>(bytes.mutable_data_ptr());
    const int64_t size = x.numel(), whole = aligned(from, to, into) ? size / kGroup : 0;
    const Arrays<S, uint8_t> a{from, to, into, size, whole};
    run(numbers, code, a, x, current_stream(x));
  });
  STD_CUDA_KERNEL_LAUNCH_CHECK();
  o.finish();
  return {o.y, bytes};
}

std::tuple<Tensor, Tensor> ppoly_encode(Tensor x, std::vector<double> knots,
                                        std::vector<double> coeffs, double period) {
  return encoded(x, Numbers{knots, coeffs, period}, false);
}

Tensor ppoly_encode_(Tensor x, std::vector<double> knots, std::vector<double> coeffs,
                     double period) {
  return std::get<1>(encoded(x, Numbers{knots, coeffs, period}, true));
}

// y, the code and the edge that autograd asks for: a tensor of no elements.
std::tuple<Tensor, Tensor, Tensor> packed_encode(Tensor x, Tensor numbers) {
  const Packed p(numbers);
  const auto [y, code] = encoded(x, Numbers{p.knots, p.coeffs, p.period}, false);
  return {y, code, new_dense(x, {0}, x.scalar_type())};
}

}  // namespace
}  // namespace hatact

STABLE_TORCH_LIBRARY_IMPL(hatact, CUDA, m) {
  m.impl("ppoly_encode", TORCH_BOX(&hatact::ppoly_encode));
  m.impl("ppoly_encode_", TORCH_BOX(&hatact::ppoly_encode_));
  m.impl("_packed_encode", TORCH_BOX(&hatact::packed_encode));
}
