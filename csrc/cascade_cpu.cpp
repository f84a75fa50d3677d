// hatact::triangle_cascade and its backward on CPU: lays out the constants, chunks, threads, sums.

#include <cstring>
#include <numeric>

#include "code_host.h"
#include "cpu_capability.h"

namespace hatact {
namespace {

constexpr int64_t kChunk = 4096;      // elements whose gradients are summed in their own dtype
constexpr int64_t kMostChunks = 4096;  // beyond, chunks grow

inline void check_cascade(const Tensor& x, const Tensor& peaks, const Tensor& scales) {
  check(x, std::nullopt);
  if (peaks.dim() != 2 || peaks.size(0) < 1 || peaks.size(1) < 1) {
    refuse("peaks must have shape (channels, depth), both at least 1; got ", listed(peaks, &Tensor::size));
  }
  if (scales.dim() != 2 || scales.size(0) != peaks.size(0) || scales.size(1) != peaks.size(1)) {
    refuse("scales must have the shape of peaks, ", listed(peaks, &Tensor::size), "; got ",
           listed(scales, &Tensor::size));
  }
  if (x.dim() < 1 || x.size(x.dim() - 1) != peaks.size(0)) {
    refuse("the last dimension of x must be the ", peaks.size(0), " channels of peaks; got shape ",
           listed(x, &Tensor::size));
  }
  const ScalarType t = x.scalar_type();
  const ScalarType computes = t == ScalarType::Double ? t : ScalarType::Float;
  for (const auto& [what, p] : {std::pair{"peaks", &peaks}, std::pair{"scales", &scales}}) {
    if ((p->scalar_type() != t && p->scalar_type() != computes) || p->device() != x.device()) {
      refuse(what, " must be on the device of x in ", name(computes), " or the dtype of x, ", name(t),
             "; got ", described(*p));
    }
  }
}

// A small tensor's numbers, row-major, in the dtype that computes.
template <typename T>
std::vector<T> values_of(const Tensor& t) {
  const Tensor dense = row_major(t);
  std::vector<T> values(dense.numel());
  const void* from = dense.const_data_ptr();
  const auto copy = [&](const auto* p) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(p[i]);
  };
  switch (dense.scalar_type()) {
    case ScalarType::Half: copy(static_cast<const c10::Half*>(from)); break;
    case ScalarType::BFloat16: copy(static_cast<const c10::BFloat16*>(from)); break;
    case ScalarType::Float: copy(static_cast<const float*>(from)); break;
    default: copy(static_cast<const double*>(from));
  }
  return values;
}

// Rounds sums to the dtype of a tensor of their length.
void put(const Tensor& to, const std::vector<double>& sums) {
  void* at = to.mutable_data_ptr();
  const auto copy = [&](auto* p) {
    using P = std::remove_reference_t<decltype(*p)>;
    for (size_t i = 0; i < sums.size(); ++i) {
      if constexpr (std::is_same_v<P, double>) p[i] = sums[i];
      else p[i] = static_cast<P>(static_cast<float>(sums[i]));
    }
  };
  switch (to.scalar_type()) {
    case ScalarType::Half: copy(static_cast<c10::Half*>(at)); break;
    case ScalarType::BFloat16: copy(static_cast<c10::BFloat16*>(at)); break;
    case ScalarType::Float: copy(static_cast<float*>(at)); break;
    default: copy(static_cast<double*>(at));
  }
}

// The constants as the kernels read them, and the partition of the elements, which depends on sizes
// and on the instruction set alone.
template <typename T>
class Layout {
 public:
  Layout(Storage storage, const Tensor& peaks, const Tensor& scales, int64_t size)
      : channels(peaks.size(0)), depth(static_cast<int>(peaks.size(1))), kernels_(cpu_kernels()) {
    pair = sizeof(T) == 8 ? kernels_.pair_of_double : kernels_.pair_of_float;
    row = std::lcm(channels, static_cast<int64_t>(pair));
    const int64_t unit = 2 * row, least = std::max(kChunk, size / kMostChunks);
    chunk = (least + unit - 1) / unit * unit;
    chunks = (size + chunk - 1) / chunk;
    lanes.resize(pair);
    Cascade ask{};
    ask.step = Cascade::Step::lanes;
    ask.lanes = lanes.data();
    kernels_.cascade(storage, ask);
    const std::vector<T> a = values_of<T>(peaks), s = values_of<T>(scales);
    table.resize(static_cast<size_t>(row) * depth * kCascadeRows);
    T* at = table.data();
    for (int64_t first = 0; first < row; first += pair) {
      for (int i = 0; i < depth; ++i) {
        for (int l = 0; l < pair; ++l, ++at) {
          const size_t from = static_cast<size_t>((first + lanes[l]) % channels) * depth + i;
          at[kPeak * pair] = a[from];
          at[kRise * pair] = 1 / a[from];
          at[kFall * pair] = 1 / (1 - a[from]);
          at[kScale * pair] = s[from];
        }
        at += (kCascadeRows - 1) * pair;
      }
    }
  }

  int64_t channels;
  int depth, pair;
  int64_t row, chunk, chunks;
  std::vector<int16_t> lanes;
  std::vector<T> table;

  // Runs the kernel on the elements of each chunk. Those of the last rows, that do not fill two of
  // them, go through copies with zeros behind.
  template <typename S>
  void run(Storage storage, Cascade::Step step, const S* x, const S* g, S* y, int64_t size,
           T* sums) const {
    const size_t sums_a_chunk = static_cast<size_t>(row) * depth * 2;
    const int64_t grain = std::max<int64_t>(1, 32768 / chunk);
    const auto some = [&](int64_t begin, int64_t end) {
      std::vector<T> scratch(step == Cascade::Step::backward ? 2 * static_cast<size_t>(depth) * pair : 0);
      for (int64_t n = begin; n < end; ++n) {
        const int64_t first = n * chunk, here = std::min(chunk, size - first), unit = 2 * row;
        Cascade c{};
        c.step = step;
        c.row = row;
        c.depth = depth;
        c.table = table.data();
        c.scratch = scratch.data();
        c.sums = sums == nullptr ? nullptr : sums + n * sums_a_chunk;
        const int64_t whole = here / unit * unit;
        c.x = x + first;
        c.g = g == nullptr ? nullptr : g + first;
        c.y = y + first;
        c.rows = whole / row;
        if (whole > 0) kernels_.cascade(storage, c);
        const int64_t left = here - whole;
        if (left == 0) continue;
        std::vector<S> copies(3 * unit, S{});
        std::copy_n(x + first + whole, left, copies.data());
        if (g != nullptr) std::copy_n(g + first + whole, left, copies.data() + unit);
        c.x = copies.data();
        c.g = copies.data() + unit;
        c.y = copies.data() + 2 * unit;
        c.rows = 2;
        kernels_.cascade(storage, c);
        std::copy_n(copies.data() + 2 * unit, left, y + first + whole);
      }
    };
    if (chunks <= grain) return some(0, chunks);
    torch::stable::parallel_for(0, chunks, grain, some);
  }

  // Row `which` of the sums, over all chunks in order, as (channels, depth).
  std::vector<double> total(const std::vector<T>& sums, int which, double sign) const {
    std::vector<double> found(static_cast<size_t>(channels) * depth);
    const T* at = sums.data();
    for (int64_t n = 0; n < chunks; ++n) {
      for (int64_t first = 0; first < row; first += pair) {
        for (int i = 0; i < depth; ++i, at += 2 * pair) {
          for (int l = 0; l < pair; ++l) {
            found[static_cast<size_t>((first + lanes[l]) % channels) * depth + i] += at[which * pair + l];
          }
        }
      }
    }
    for (double& v : found) v *= sign;
    return found;
  }

 private:
  const Kernels& kernels_;
};

template <typename T, typename S>
void forward(Storage storage, const Tensor& peaks, const Tensor& scales, RowMajor& o) {
  const Layout<T> layout(storage, peaks, scales, o.y.numel());
  layout.template run<S>(storage, Cascade::Step::forward, static_cast<const S*>(o.from.const_data_ptr()),
                         nullptr, static_cast<S*>(o.to.mutable_data_ptr()), o.y.numel(), nullptr);
}

Tensor triangle_cascade(Tensor x, Tensor peaks, Tensor scales) {
  check_cascade(x, peaks, scales);
  RowMajor o(x, false);
  if (o.y.numel() == 0) return o.y;
  switch (x.scalar_type()) {
    case ScalarType::Half: forward<float, c10::Half>(Storage::f16, peaks, scales, o); break;
    case ScalarType::BFloat16: forward<float, c10::BFloat16>(Storage::bf16, peaks, scales, o); break;
    case ScalarType::Float: forward<float, float>(Storage::f32, peaks, scales, o); break;
    default: forward<double, double>(Storage::f64, peaks, scales, o);
  }
  o.finish();
  return o.y;
}

template <typename T, typename S>
void backward(Storage storage, const Tensor& g, const Tensor& peaks, const Tensor& scales,
              RowMajor& o, const Tensor& gpeaks, const Tensor& gscales) {
  const Layout<T> layout(storage, peaks, scales, o.y.numel());
  std::vector<T> sums(static_cast<size_t>(layout.chunks) * layout.row * layout.depth * 2);
  layout.template run<S>(storage, Cascade::Step::backward, static_cast<const S*>(o.from.const_data_ptr()),
                         static_cast<const S*>(g.const_data_ptr()),
                         static_cast<S*>(o.to.mutable_data_ptr()), o.y.numel(), sums.data());
  put(gpeaks, layout.total(sums, 0, -1));
  put(gscales, layout.total(sums, 1, 1));
}

std::tuple<Tensor, Tensor, Tensor> triangle_cascade_backward(Tensor g, Tensor x, Tensor peaks,
                                                             Tensor scales) {
  check_cascade(x, peaks, scales);
  check(x, g);
  RowMajor o(x, false);
  const Tensor gpeaks = new_dense(peaks, sizes_of(peaks), peaks.scalar_type());
  const Tensor gscales = new_dense(scales, sizes_of(scales), scales.scalar_type());
  const Tensor dense = row_major(g);
  switch (x.scalar_type()) {
    case ScalarType::Half:
      backward<float, c10::Half>(Storage::f16, dense, peaks, scales, o, gpeaks, gscales);
      break;
    case ScalarType::BFloat16:
      backward<float, c10::BFloat16>(Storage::bf16, dense, peaks, scales, o, gpeaks, gscales);
      break;
    case ScalarType::Float:
      backward<float, float>(Storage::f32, dense, peaks, scales, o, gpeaks, gscales);
      break;
    default: backward<double, double>(Storage::f64, dense, peaks, scales, o, gpeaks, gscales);
  }
  o.finish();
  return {o.y, gpeaks, gscales};
}

}  // namespace
}  // namespace hatact

STABLE_TORCH_LIBRARY_IMPL(hatact, CPU, m) {
  m.impl("triangle_cascade", TORCH_BOX(&hatact::triangle_cascade));
  m.impl("triangle_cascade_backward", TORCH_BOX(&hatact::triangle_cascade_backward));
}
