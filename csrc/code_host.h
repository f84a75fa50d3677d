// The slope code for the CPU and CUDA launchers: its numbers, its rules (hatact/_code.py says the
// layout), and the tensors of an op that walks its elements in row-major order.
#pragma once

#include <algorithm>
#include <utility>

#include "ppoly_host.h"

namespace hatact {

constexpr int kGroup = 8;  // elements whose codes share `bits` bytes
constexpr int kMostSlopes = 8;

inline int bits_of(size_t slopes) { return slopes <= 2 ? 1 : slopes <= 4 ? 2 : 3; }

inline int64_t code_bytes(int64_t elements, int bits) {
  return (elements + kGroup - 1) / kGroup * bits;
}

// The distinct slopes of f in the order in which its pieces first have them, and of each piece the
// index of its own. A periodic f has one piece more, right of all others, whose slope is NaN.
struct SlopeCode {
  std::vector<double> slopes;
  std::vector<int> index;

  explicit SlopeCode(const Numbers& p) {
    if (p.width() > 2) {
      refuse("a slope code needs a degree of at most 1; got degree ", p.width() - 1);
    }
    for (int i = 0; i < p.pieces(); ++i) {
      const int from = p.period > 0 && i == 0 ? 1 : i;
      add(p.width() == 2 ? p.coeffs[2 * from] : 0);
    }
    if (p.period > 0) {
      index.push_back(static_cast<int>(slopes.size()));
      slopes.push_back(std::nan(""));
    }
    check_count(slopes);  // a NaN may be one too many
  }

  int bits() const { return bits_of(slopes.size()); }

  static void check_count(const std::vector<double>& slopes) {
    if (slopes.empty() || slopes.size() > kMostSlopes) {
      refuse("a slope code needs 1 to ", kMostSlopes, " slopes; got ", slopes.size());
    }
  }

 private:
  void add(double slope) {
    const auto found = std::find(slopes.begin(), slopes.end(), slope);
    index.push_back(static_cast<int>(found - slopes.begin()));
    if (found != slopes.end()) return;
    slopes.push_back(slope + 0.0);  // −0 is 0
    if (slopes.size() > kMostSlopes) {  // before a long list is searched for every piece
      refuse("a slope code needs 1 to ", kMostSlopes, " slopes; got ", slopes.size(), " or more");
    }
  }
};

// The lists of an op as one float64 vector on the CPU, which crosses the dispatcher 1 us sooner
// than two lists of 11: n, the period, n knots, the coefficients. ops.py packs them.
struct Packed {
  std::vector<double> knots, coeffs;
  double period = 0;

  explicit Packed(const Tensor& t) {
    const int64_t size = t.numel();
    if (t.scalar_type() != ScalarType::Double || t.dim() != 1 || !t.is_contiguous() || !t.is_cpu() ||
        size < 2) {
      refuse("packed numbers must be a dense float64 vector of at least 2 on the CPU; got ",
             described(t));
    }
    const double* at = static_cast<const double*>(t.const_data_ptr());
    if (!(at[0] >= 0 && at[0] <= static_cast<double>(size - 2))) {
      refuse("packed numbers must start with how many knots follow; got ", at[0], " of ", size);
    }
    const int64_t n = static_cast<int64_t>(at[0]);
    period = at[1];
    knots.assign(at + 2, at + 2 + n);
    coeffs.assign(at + 2 + n, at + size);
  }
};

inline std::string listed(const Tensor& t, int64_t (Tensor::*of)(int64_t) const) {
  std::ostringstream out;
  out << "(";
  for (int64_t d = 0; d < t.dim(); ++d) out << (d ? ", " : "") << (t.*of)(d);
  out << (t.dim() == 1 ? ",)" : ")");
  return out.str();
}

inline void check(const Tensor& g, const Tensor& code, const std::vector<double>& slopes) {
  const ScalarType t = g.scalar_type();
  if (t != ScalarType::Float && t != ScalarType::Double && t != ScalarType::BFloat16 &&
      t != ScalarType::Half) {
    refuse("g must be float16, bfloat16, float32 or float64; got ", name(t));
  }
  SlopeCode::check_count(slopes);
  const double most = t == ScalarType::Double ? DBL_MAX : FLT_MAX;
  for (size_t i = 0; i < slopes.size(); ++i) {
    const bool nan_at_the_end = i + 1 == slopes.size() && std::isnan(slopes[i]);
    if (!nan_at_the_end && !(std::fabs(slopes[i]) <= most)) {
      refuse("slopes must be finite in ", t == ScalarType::Double ? "torch.float64" : "torch.float32",
             ", but for a NaN at the end; got ", listed(slopes));
    }
  }
  const int64_t length = code_bytes(g.numel(), bits_of(slopes.size()));
  if (code.scalar_type() != ScalarType::Byte || code.dim() != 1 || code.size(0) != length ||
      !code.is_contiguous() || code.device() != g.device()) {
    refuse("the code of ", g.numel(), " elements and ", slopes.size(),
           " slopes must be a dense uint8 vector of ", length, " bytes on the device of g; got shape ",
           listed(code, &Tensor::size), ", strides ", listed(code, &Tensor::stride), ", ",
           name(code.scalar_type()));
  }
}

// Refuses an x two of whose elements may share memory.
inline void check_in_place(const Tensor& x) {
  std::vector<std::pair<int64_t, int64_t>> dims;
  for (int64_t d = 0; d < x.dim(); ++d) {
    if (x.size(d) > 1) dims.emplace_back(x.stride(d), x.size(d));
  }
  std::sort(dims.begin(), dims.end());
  int64_t end = 1;
  for (const auto& [stride, size] : dims) {
    if (stride < end && x.numel() > 0) {
      refuse("an in-place activation needs an x whose elements do not share memory; got shape ",
             listed(x, &Tensor::size), " and strides ", listed(x, &Tensor::stride),
             ": write x.clone() first");
    }
    end += (size - 1) * stride;
  }
}

inline Tensor row_major(const Tensor& t) {
  if (t.is_contiguous()) return t;
  Tensor dense = new_dense(t, sizes_of(t), t.scalar_type());
  torch::stable::copy_(dense, t);
  return dense;
}

inline Tensor new_code(const Tensor& x, int bits) {
  return new_dense(x, {code_bytes(x.numel(), bits)}, ScalarType::Byte);
}

// x as an op reads it and y as it writes it, both in row-major order; y may be x.
struct RowMajor {
  Tensor y;  // what is returned, with x's dense strides, or x itself
  Tensor from;
  Tensor to;

  RowMajor(const Tensor& x, bool in_place)
      : y(in_place            ? x
          : x.is_contiguous() ? new_dense(x, sizes_of(x), x.scalar_type())
                              : torch::stable::empty_like(x)),
        from(row_major(x)),
        to(y.is_contiguous() ? y : from) {}

  // To be called when `to` is written.
  void finish() {
    if (to.get() != y.get()) torch::stable::copy_(y, to);
  }
};

}  // namespace hatact
