// hatact::triangle_cascade and its backward on CPU: lays out the constants, chunks, threads, sums.

#include <cstring>
#include <numeric>

#include "code_host.h"
#include "cpu_capability.h"

namespace hatact {
namespace {

constexpr int64_t kChunk = 4096;      // elements whose gradients are summed in their own dtype
constexpr int64_t kLeastRows = 32;     // but as many rows, so that the sums are few beside the elements
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
           listed(x, &Tensor::size), ": write an x of shape (…, ", peaks.size(0), ")");
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
//
// A kernel's row is `row` elements: channels repeated until whole pairs of registers are full, or,
// where there are many that do not fill them, the channels once, padded in copies of their rows.
template <typename T>
class Layout {
 public:
  Layout(Storage storage, const Tensor& peaks, const Tensor& scales, int64_t size)
      : channels_(peaks.size(0)),
        depth_(static_cast<int>(peaks.size(1))),
        size_(size),
        storage_(storage),
        kernels_(cpu_kernels()),
        pair_(2 * (sizeof(T) == 8 ? kernels_.of_double : kernels_.of_float).width) {
    const int64_t whole = (channels_ + pair_ - 1) / pair_ * pair_;
    padded_ = whole != channels_ && channels_ > 2 * pair_;
    row_ = padded_ ? whole : std::lcm(channels_, static_cast<int64_t>(pair_));
    span_ = padded_ ? channels_ : row_;
    const int64_t rows = (size + span_ - 1) / span_;
    const int64_t least = std::max({kChunk / span_, kLeastRows, rows / kMostChunks});
    rows_ = (least + 1) / 2 * 2;
    chunks_ = (rows + rows_ - 1) / rows_;
    std::vector<int16_t> lanes(pair_);
    Cascade ask{};
    ask.step = Cascade::Step::lanes;
    ask.lanes = lanes.data();
    kernels_.cascade(storage, ask);
    channel_.resize(row_);
    for (int64_t k = 0; k < row_; ++k) {
      const int64_t element = k / pair_ * pair_ + lanes[k % pair_];
      channel_[k] = padded_ && element >= channels_ ? -1 : element % channels_;
    }
    lay_table(values_of<T>(peaks), values_of<T>(scales));
  }

  // Zeros for the sums of every chunk.
  std::vector<T> sums() const { return std::vector<T>(chunks_ * sums_a_chunk()); }

  // Runs the kernel on the elements of each chunk.
  template <typename S>
  void run(Cascade::Step step, const S* x, const S* g, S* y, T* sums) const {
    const int64_t elements = rows_ * span_, grain = std::max<int64_t>(1, 32768 / elements);
    const auto some = [&](int64_t begin, int64_t end) {
      std::vector<T> scratch(step == Cascade::Step::backward ? 2 * depth_ * pair_ : 0);
      std::vector<S> copies;
      for (int64_t n = begin; n < end; ++n) {
        const int64_t first = n * elements, here = std::min(elements, size_ - first);
        Cascade c{};
        c.step = step;
        c.row = row_;
        c.depth = static_cast<int>(depth_);
        c.table = table_.data();
        c.scratch = scratch.data();
        c.sums = sums == nullptr ? nullptr : sums + n * sums_a_chunk();
        const int64_t direct = padded_ ? 0 : here / (2 * row_) * (2 * row_);
        if (direct > 0) {
          c.x = x + first;
          c.g = g == nullptr ? nullptr : g + first;
          c.y = y + first;
          c.rows = direct / row_;
          kernels_.cascade(storage_, c);
        }
        for (int64_t done = direct; done < here; done += 2 * span_) {
          const S* g_at = g == nullptr ? nullptr : g + first + done;
          by_copies(c, x + first + done, g_at, y + first + done, std::min(2 * span_, here - done), copies);
        }
      }
    };
    if (chunks_ <= grain) return some(0, chunks_);
    torch::stable::parallel_for(0, chunks_, grain, some);
  }

  // Row `which` of the sums, over all chunks in order, as (channels, depth).
  std::vector<double> total(const std::vector<T>& sums, int which, double sign) const {
    std::vector<double> found(channels_ * depth_);
    const T* at = sums.data();
    for (int64_t n = 0; n < chunks_; ++n) {
      for (int64_t first = 0; first < row_; first += pair_) {
        for (int64_t i = 0; i < depth_; ++i, at += 2 * pair_) {
          for (int64_t l = 0; l < pair_; ++l) {
            const int64_t channel = channel_[first + l];
            if (channel >= 0) found[channel * depth_ + i] += at[which * pair_ + l];
          }
        }
      }
    }
    for (double& v : found) v *= sign;
    return found;
  }

 private:
  size_t sums_a_chunk() const { return static_cast<size_t>(row_) * depth_ * 2; }

  void lay_table(const std::vector<T>& a, const std::vector<T>& s) {
    table_.resize(static_cast<size_t>(row_) * depth_ * kCascadeRows);
    T* at = table_.data();
    for (int64_t first = 0; first < row_; first += pair_) {
      for (int64_t i = 0; i < depth_; ++i) {
        for (int64_t l = 0; l < pair_; ++l, ++at) {
          const int64_t from = std::max<int64_t>(channel_[first + l], 0) * depth_ + i;
          at[kPeak * pair_] = a[from];
          at[kRise * pair_] = 1 / a[from];
          at[kFall * pair_] = 1 / (1 - a[from]);
          at[kScale * pair_] = s[from];
        }
        at += (kCascadeRows - 1) * pair_;
      }
    }
  }

  // At most two rows, with zeros where elements are missing: those add nothing to the sums.
  template <typename S>
  void by_copies(Cascade c, const S* x, const S* g, S* y, int64_t elements, std::vector<S>& copies) const {
    copies.assign(6 * row_, S{});
    S* const of_x = copies.data();
    S* const of_g = of_x + 2 * row_;
    S* const of_y = of_g + 2 * row_;
    const auto each_row = [&](const auto& copy) {
      for (int64_t r = 0; r * span_ < elements; ++r) {
        copy(r * span_, r * row_, std::min(span_, elements - r * span_));
      }
    };
    each_row([&](int64_t from, int64_t to, int64_t n) {
      std::copy_n(x + from, n, of_x + to);
      if (g != nullptr) std::copy_n(g + from, n, of_g + to);
    });
    c.x = of_x;
    c.g = of_g;
    c.y = of_y;
    c.rows = 2;
    kernels_.cascade(storage_, c);
    each_row([&](int64_t to, int64_t from, int64_t n) { std::copy_n(of_y + from, n, y + to); });
  }

  int64_t channels_, depth_, size_;
  Storage storage_;
  const Kernels& kernels_;
  int64_t pair_, row_, span_;  // elements of a row, and how many of them are x's
  bool padded_;
  int64_t rows_, chunks_;  // rows of a chunk
  std::vector<int64_t> channel_;  // of each lane of a row; -1: none
  std::vector<T> table_;
};

template <typename T, typename S>
void forward(Storage storage, const Tensor& peaks, const Tensor& scales, RowMajor& o) {
  const Layout<T> layout(storage, peaks, scales, o.y.numel());
  layout.template run<S>(Cascade::Step::forward, static_cast<const S*>(o.from.const_data_ptr()), nullptr,
                         static_cast<S*>(o.to.mutable_data_ptr()), nullptr);
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
  std::vector<T> sums = layout.sums();
  layout.template run<S>(Cascade::Step::backward, static_cast<const S*>(o.from.const_data_ptr()),
                         static_cast<const S*>(g.const_data_ptr()),
                         static_cast<S*>(o.to.mutable_data_ptr()), sums.data());
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
