// hatact::ppoly on CPU and what needs its numbers: lays them out for look-ups, and threads.

#include "cpu_capability.h"
#include "cpu_tables.h"
#include "ppoly_host.h"

namespace hatact {
namespace {

constexpr int64_t kGrain = 32768;  // elements a thread, as PyTorch's own pointwise kernels
constexpr int64_t kUnit = 64;      // a thread's share is whole units: it ends at a group of codes

template <typename F>
void in_parallel(int64_t size, const F& run) {
  if (size <= kGrain) return run(int64_t{0}, size);
  const int64_t units = (size + kUnit - 1) / kUnit;
  torch::stable::parallel_for(0, units, kGrain / kUnit, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kUnit;
    run(first, std::min(size, end * kUnit) - first);
  });
}

struct Memory {
  const void* x;
  const void* g;
  bool scalar_g;
  void* y;
  uint8_t* code;
  int64_t size;
};

template <typename T>
void run(Storage storage, int64_t bytes, const Numbers& numbers, const SlopeCode* code,
         const Memory& m) {
  const Tables<T> tables(numbers, storage, code);
  const Kernels& kernels = cpu_kernels();
  const char* x = static_cast<const char*>(m.x);
  const char* g = static_cast<const char*>(m.g);
  char* y = static_cast<char*>(m.y);
  const int bits = tables.plan().bits;
  in_parallel(m.size, [&](int64_t first, int64_t size) {
    const int64_t at = first * bytes;
    const char* g_at = g == nullptr || m.scalar_g ? g : g + at;
    uint8_t* code_at = m.code == nullptr ? nullptr : m.code + code_bytes(first, bits);
    const Arrays arrays{x + at, g_at, m.scalar_g, y + at, code_at, size};
    kernels.ppoly(storage, &tables.plan(), arrays);
  });
}

void run(ScalarType t, const Numbers& numbers, const SlopeCode* code, const Memory& m) {
  if (m.size == 0) return;
  switch (t) {
    case ScalarType::Half: return run<float>(Storage::f16, 2, numbers, code, m);
    case ScalarType::BFloat16: return run<float>(Storage::bf16, 2, numbers, code, m);
    case ScalarType::Float: return run<float>(Storage::f32, 4, numbers, code, m);
    default: return run<double>(Storage::f64, 8, numbers, code, m);
  }
}

Tensor ppoly(Tensor x, std::optional<Tensor> g, std::vector<double> knots,
             std::vector<double> coeffs, double period) {
  const Numbers numbers{knots, coeffs, period};
  check(x, g);
  check(numbers, x.scalar_type());
  const Operands o(x, g);
  const void* g_at = o.g ? o.g->const_data_ptr() : nullptr;
  run(x.scalar_type(), numbers, nullptr,
      {o.x.const_data_ptr(), g_at, o.scalar_g, o.y.mutable_data_ptr(), nullptr, o.y.numel()});
  return o.y;
}

void ppoly_(Tensor x, std::vector<double> knots, std::vector<double> coeffs, double period) {
  const Numbers numbers{knots, coeffs, period};
  check(x, std::nullopt);
  check(numbers, x.scalar_type());
  check_in_place(x);
  RowMajor o(x, true);
  run(x.scalar_type(), numbers, nullptr,
      {o.from.const_data_ptr(), nullptr, false, o.to.mutable_data_ptr(), nullptr, x.numel()});
  o.finish();
}

Tensor encode(const Numbers& numbers, RowMajor& o) {
  const SlopeCode code(numbers);
  const Tensor packed = new_code(o.y, code.bits());
  run(o.y.scalar_type(), numbers, &code,
      {o.from.const_data_ptr(), nullptr, false, o.to.mutable_data_ptr(),
       static_cast<uint8_t*>(packed.mutable_data_ptr()), o.y.numel()});
  o.finish();
  return packed;
}

std::tuple<Tensor, Tensor> ppoly_encode(Tensor x, std::vector<double> knots,
                                        std::vector<double> coeffs, double period) {
  const Numbers numbers{knots, coeffs, period};
  check(x, std::nullopt);
  check(numbers, x.scalar_type());
  RowMajor o(x, false);
  const Tensor code = encode(numbers, o);
  return {o.y, code};
}

Tensor ppoly_encode_(Tensor x, std::vector<double> knots, std::vector<double> coeffs,
                     double period) {
  const Numbers numbers{knots, coeffs, period};
  check(x, std::nullopt);
  check(numbers, x.scalar_type());
  check_in_place(x);
  const SlopeCode checked(numbers);  // before x is read or written
  RowMajor o(x, true);
  return encode(numbers, o);
}

// y, the code and the edge that autograd asks for: a tensor of no elements.
std::tuple<Tensor, Tensor, Tensor> packed_encode(Tensor x, Tensor numbers) {
  const Packed p(numbers);
  const auto [y, code] = ppoly_encode(x, p.knots, p.coeffs, p.period);
  return {y, code, new_dense(x, {0}, x.scalar_type())};
}

template <typename T>
void decode(Storage storage, int64_t bytes, const std::vector<double>& slopes, const Coded& all) {
  T table[kMinimumStride];
  std::fill_n(table, kMinimumStride, std::numeric_limits<T>::quiet_NaN());
  for (size_t i = 0; i < slopes.size(); ++i) {  // a NaN's payload could be lost in rounding
    if (!std::isnan(slopes[i])) table[i] = rounded<T>(slopes[i]);
  }
  const Kernels& kernels = cpu_kernels();
  in_parallel(all.size, [&](int64_t first, int64_t size) {
    Coded share = all;
    share.g = static_cast<const char*>(all.g) + (all.scalar_g ? 0 : first * bytes);
    share.code += code_bytes(first, all.bits);
    share.y = static_cast<char*>(all.y) + first * bytes;
    share.size = size;
    kernels.decode(storage, table, share);
  });
}

Tensor ppoly_decode(Tensor g, Tensor code, std::vector<double> slopes) {
  check(g, code, slopes);
  const Tensor y = new_dense(g, sizes_of(g), g.scalar_type());
  if (y.numel() == 0) return y;
  const bool scalar_g = is_one_value(g);
  const Tensor from = scalar_g ? g : row_major(g);
  const Coded all{from.const_data_ptr(), scalar_g, static_cast<const uint8_t*>(code.const_data_ptr()),
                  bits_of(slopes.size()), y.mutable_data_ptr(), y.numel()};
  switch (g.scalar_type()) {
    case ScalarType::Half: decode<float>(Storage::f16, 2, slopes, all); break;
    case ScalarType::BFloat16: decode<float>(Storage::bf16, 2, slopes, all); break;
    case ScalarType::Float: decode<float>(Storage::f32, 4, slopes, all); break;
    default: decode<double>(Storage::f64, 8, slopes, all);
  }
  return y;
}

Tensor packed_decode(Tensor g, Tensor code, Tensor slopes) {
  const Packed p(slopes);
  return ppoly_decode(g, code, p.coeffs);
}

}  // namespace
}  // namespace hatact

STABLE_TORCH_LIBRARY_IMPL(hatact, CPU, m) {
  m.impl("ppoly", TORCH_BOX(&hatact::ppoly));
  m.impl("ppoly_", TORCH_BOX(&hatact::ppoly_));
  m.impl("ppoly_encode", TORCH_BOX(&hatact::ppoly_encode));
  m.impl("ppoly_encode_", TORCH_BOX(&hatact::ppoly_encode_));
  m.impl("ppoly_decode", TORCH_BOX(&hatact::ppoly_decode));
  m.impl("_packed_encode", TORCH_BOX(&hatact::packed_encode));
  m.impl("_packed_decode", TORCH_BOX(&hatact::packed_decode));
}
