// What the CPU and CUDA launchers share: the rules on arguments, and one dense layout for all.
#pragma once

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace hatact {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// In T, where −0 is 0: what is too small for T comes out with either sign.
template <typename T>
T rounded(double v) {
  return static_cast<T>(v) + T(0);
}

template <typename... Parts>
[[noreturn]] inline void refuse(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

inline std::string listed(const std::vector<double>& values) {
  std::ostringstream out;
  for (size_t i = 0; i < values.size(); ++i) out << (i ? ", " : "(") << values[i];
  out << (values.empty() ? "()" : ")");
  return out.str();
}

// The op's numbers: knots, (n + 1) x width coefficients row-major, period (0: none).
struct Numbers {
  const std::vector<double>& knots;
  const std::vector<double>& coeffs;
  double period;

  int pieces() const { return static_cast<int>(knots.size()) + 1; }
  int width() const { return static_cast<int>(coeffs.size()) / pieces(); }
  // Position of the first coefficient of a piece that is not 0; the last one if all are.
  int lead(int piece) const {
    int d = 0;
    while (d + 1 < width() && coeffs[piece * width() + d] == 0) ++d;
    return d;
  }
  bool constant(int piece) const { return lead(piece) == width() - 1; }
  // lim f(u) as u → ±inf on a tail.
  double limit(int piece, bool positive) const {
    const double first = coeffs[piece * width() + lead(piece)];
    const int degree = width() - 1 - lead(piece);
    if (degree == 0) return first;
    const bool up = (first > 0) == (positive || degree % 2 == 0);
    return up ? HUGE_VAL : -HUGE_VAL;
  }
};

inline void check(const Numbers& p, ScalarType dtype) {
  constexpr double kPeriodSlack = 1 + 0x1p-50;  // knots[0] + period and knots[-1] round apart
  if (p.knots.empty()) refuse("at least one knot is needed; got none");
  if (p.coeffs.empty() || p.coeffs.size() % p.pieces() != 0) {
    refuse("coeffs must hold (n + 1) x (degree + 1) numbers for n = ", p.knots.size(),
           " knots; got ", p.coeffs.size(), " numbers");
  }
  bool finite = std::isfinite(p.period);
  for (double v : p.knots) finite = finite && std::isfinite(v);
  for (double v : p.coeffs) finite = finite && std::isfinite(v);
  if (!finite) {
    refuse("knots, coeffs and period must be finite; got ", listed(p.knots), ", ",
           listed(p.coeffs), ", ", p.period);
  }
  const bool twice = dtype == ScalarType::Double;
  const double most = twice ? DBL_MAX : FLT_MAX, least = twice ? DBL_MIN : FLT_MIN;
  bool held = p.period <= 0 || (p.period >= least && p.knots[0] + p.period <= most);
  held = held && p.knots.back() - p.knots.front() <= most;  // so is x - t between them
  for (double v : p.knots) held = held && std::fabs(v) <= most;
  for (double v : p.coeffs) held = held && std::fabs(v) <= most;
  if (!held) {
    refuse("knots, their span, coeffs and period must be in the range of ",
           twice ? "float64" : "float32", ", which computes; got ", listed(p.knots), ", ",
           listed(p.coeffs), ", ", p.period);
  }
  for (size_t i = 1; i < p.knots.size(); ++i) {
    if (p.knots[i - 1] >= p.knots[i]) {
      refuse("knots must increase strictly; got ", listed(p.knots));
    }
  }
  if (p.period < 0) refuse("the period must be positive, or 0 for none; got ", p.period);
  if (p.period > 0 && p.knots.back() - p.knots.front() > p.period * kPeriodSlack) {
    refuse("knots must lie within one period, ", p.period, "; got ", listed(p.knots));
  }
}

// As Python prints it.
inline std::string name(ScalarType t) {
  switch (t) {
    case ScalarType::Half: return "torch.float16";
    case ScalarType::BFloat16: return "torch.bfloat16";
    case ScalarType::Float: return "torch.float32";
    case ScalarType::Double: return "torch.float64";
    case ScalarType::Byte: return "torch.uint8";
    case ScalarType::Char: return "torch.int8";
    case ScalarType::Short: return "torch.int16";
    case ScalarType::Int: return "torch.int32";
    case ScalarType::Long: return "torch.int64";
    case ScalarType::Bool: return "torch.bool";
    case ScalarType::ComplexFloat: return "torch.complex64";
    case ScalarType::ComplexDouble: return "torch.complex128";
    default: return torch::headeronly::toString(t);
  }
}

inline std::string described(const Tensor& t) {
  std::ostringstream out;
  out << "(";
  for (int64_t d = 0; d < t.dim(); ++d) out << (d ? ", " : "") << t.size(d);
  out << (t.dim() == 1 ? ",) " : ") ") << name(t.scalar_type());
  out << (t.is_cpu() ? " cpu" : t.is_cuda() ? " cuda" : " on another device");
  return out.str();
}

inline void check(const Tensor& x, const std::optional<Tensor>& g) {
  const ScalarType t = x.scalar_type();
  if (t != ScalarType::Float && t != ScalarType::Double && t != ScalarType::BFloat16 &&
      t != ScalarType::Half) {
    const bool is_complex = t == ScalarType::ComplexFloat || t == ScalarType::ComplexDouble;
    refuse("x must be float16, bfloat16, float32 or float64; got ", name(t), ": write ",
           is_complex ? "its .real and .imag apart" : "x.float()");
  }
  if (!g) return;
  bool same = g->scalar_type() == t && g->device() == x.device() && g->dim() == x.dim();
  for (int64_t d = 0; same && d < x.dim(); ++d) same = g->size(d) == x.size(d);
  if (!same) {
    refuse("g must have x's shape, dtype and device, ", described(x), "; got ", described(*g));
  }
}

inline std::vector<int64_t> sizes_of(const Tensor& t) {
  std::vector<int64_t> sizes(t.dim());
  for (int64_t d = 0; d < t.dim(); ++d) sizes[d] = t.size(d);
  return sizes;
}

inline Tensor new_dense(const Tensor& like, const std::vector<int64_t>& sizes, ScalarType dtype) {
  std::vector<int64_t> strides(sizes.size());
  int64_t step = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    strides[d] = step;
    step *= std::max<int64_t>(sizes[d], 1);
  }
  int32_t device_type = 0, device_index = 0;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_type(like.get(), &device_type));
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_index(like.get(), &device_index));
  AtenTensorHandle made = nullptr;
  // Not torch::stable::new_empty: it looks an operator up by name, 0.7 us a time.
  TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(
      static_cast<int64_t>(sizes.size()), sizes.data(), strides.data(),
      torch::stable::detail::to<int32_t>(torch::stable::detail::from(dtype)), device_type,
      device_index, &made));
  return Tensor(made);
}

// Whether both walk memory in the same order. Strides of dimensions of size 1 do not matter.
inline bool same_layout(const Tensor& a, const Tensor& b) {
  for (int64_t d = 0; d < a.dim(); ++d) {
    if (a.size(d) != 1 && a.stride(d) != b.stride(d)) return false;
  }
  return true;
}

inline bool is_one_value(const Tensor& g) {
  for (int64_t d = 0; d < g.dim(); ++d) {
    if (g.size(d) != 1 && g.stride(d) != 0) return false;
  }
  return true;
}

// x and g brought into the order of the dense y; what already has it is not copied.
struct Operands {
  Tensor y;
  Tensor x;
  std::optional<Tensor> g;
  bool scalar_g = false;

  Operands(const Tensor& x_in, const std::optional<Tensor>& g_in)
      : y(x_in.is_contiguous() ? new_dense(x_in, sizes_of(x_in), x_in.scalar_type())
                               : torch::stable::empty_like(x_in)),
        x(x_in),
        g(g_in) {
    if (y.numel() == 0) return;
    if (!same_layout(x, y)) {
      torch::stable::copy_(y, x);
      x = y;
    }
    if (!g) return;
    scalar_g = is_one_value(*g);
    if (!scalar_g && !same_layout(*g, y)) {
      Tensor dense = torch::stable::empty_like(y);
      torch::stable::copy_(dense, *g);
      g = dense;
    }
  }
};

}  // namespace hatact
