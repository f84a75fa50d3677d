// hatact::ppoly on CPU: lays the numbers out for look-ups, picks the instruction set, threads.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>

#include "ppoly_host.h"
#include "ppoly_plan.h"

namespace hatact {
namespace {

constexpr int64_t kGrain = 32768;  // elements a thread, as PyTorch's own pointwise kernels

// ---- instruction set

struct Capability {
  const char* name;
  Kernel kernel;
  bool supported;
};

const std::vector<Capability>& capabilities() {
#if defined(HATACT_EMULATE_AVX512)
  static const std::vector<Capability> all = {{"avx512", &ppoly_avx512, true}};
#elif defined(__x86_64__) && defined(__GNUC__)
  static const std::vector<Capability> all = {
      {"avx512", &ppoly_avx512,
       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")},
      {"avx2", &ppoly_avx2,
       __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c")},
      {"portable", &ppoly_portable, true}};
#else
  static const std::vector<Capability> all = {{"portable", &ppoly_portable, true}};
#endif
  return all;
}

const Capability* find_capability() {
  const char* forced = std::getenv("HATACT_CPU_CAPABILITY");
  for (const Capability& c : capabilities()) {
    if (c.supported && (forced == nullptr || std::strcmp(forced, c.name) == 0)) return &c;
  }
  return nullptr;
}

const Capability& capability() {
  static const Capability* const found = find_capability();
  if (found == nullptr) {
    std::string names;
    for (const Capability& c : capabilities()) {
      if (c.supported) names += names.empty() ? c.name : std::string(", ") + c.name;
    }
    refuse("HATACT_CPU_CAPABILITY must be one of those that this CPU has, ", names, "; got ",
           std::getenv("HATACT_CPU_CAPABILITY"));
  }
  return *found;
}

// ---- numbers

template <typename T>
class Tables {
 public:
  Tables(const Numbers& p, Storage storage) {
    const int n = static_cast<int>(p.knots.size()), pieces = p.pieces(), width = p.width();
    Plan<T>& s = plan_;
    s.knots = n;
    s.degree = width - 1;
    s.stride = std::max(kMinimumStride, pieces);
    values_.resize(n + static_cast<size_t>(s.stride) * (width + 1));
    T* knot = values_.data();
    T* base = knot + n;
    T* coef = base + s.stride;
    for (int i = 0; i < n; ++i) knot[i] = static_cast<T>(p.knots[i]);
    for (int i = 0; i < pieces; ++i) {
      // After reduction x may be knots[0] itself, by rounding: piece 0 is then piece 1.
      const int from = p.period > 0 && i == 0 ? 1 : i;
      base[i] = knot[std::max(from - 1, 0)];
      for (int d = 0; d < width; ++d) {
        coef[static_cast<size_t>(d) * s.stride + i] = static_cast<T>(p.coeffs[from * width + d]);
      }
    }
    constexpr T inf = std::numeric_limits<T>::infinity();
    s.low = p.constant(0) ? knot[0] : -inf;
    // The least number above the last knot, and normal: where denormals are flushed, a compare
    // would take a denormal for 0.
    const T above = std::max(std::nextafter(knot[n - 1], inf),
                             knot[n - 1] + std::numeric_limits<T>::min());
    s.high = p.constant(n) ? above : inf;
    s.limit_low = static_cast<T>(p.limit(0, false));
    s.limit_high = static_cast<T>(p.limit(n, true));
    const auto ragged = [&](int i) { return !p.constant(i) && p.lead(i) > 0; };
    s.origin = knot[0];
    s.period = static_cast<T>(p.period);
    if (p.period > 0) {
      s.low = s.origin;
      s.high = s.origin + s.period;
    }
    const bool no_number_above = p.constant(n) && std::isinf(above);
    s.select_limits = p.period == 0 && (ragged(0) || ragged(n) || no_number_above);
    if (storage == Storage::bf16) key_knots<c10::BFloat16>(p);
    if (storage == Storage::f16) key_knots<c10::Half>(p);
    s.key = keys_.data();
    s.knot = knot;
    s.base = base;
    s.coef = coef;
  }

  const Plan<T>& plan() const { return plan_; }

 private:
  // x > t, for x of a half type H, is x > the largest H that is not above t.
  template <typename H>
  void key_knots(const Numbers& p) {
    for (double exact : p.knots) {
      const float t = static_cast<float>(exact);
      const H near = static_cast<H>(t);
      const int16_t key = t == 0 ? int16_t{0} : sort_key(near.x);
      keys_.push_back(static_cast<int16_t>(key - (static_cast<float>(near) > t)));
    }
  }

  std::vector<T> values_;
  std::vector<int16_t> keys_;
  Plan<T> plan_;
};

template <typename T>
void run(Storage storage, const Numbers& numbers, const Operands& o, int64_t bytes) {
  const Tables<T> tables(numbers, storage);
  const Kernel kernel = capability().kernel;
  const char* x = static_cast<const char*>(o.x.const_data_ptr());
  const char* g = o.g ? static_cast<const char*>(o.g->const_data_ptr()) : nullptr;
  char* y = static_cast<char*>(o.y.mutable_data_ptr());
  torch::stable::parallel_for(0, o.y.numel(), kGrain, [&](int64_t begin, int64_t end) {
    const int64_t at = begin * bytes;
    const char* g_at = g == nullptr || o.scalar_g ? g : g + at;
    kernel(storage, &tables.plan(), Arrays{x + at, g_at, o.scalar_g, y + at, end - begin});
  });
}

Tensor ppoly(Tensor x, std::optional<Tensor> g, std::vector<double> knots,
             std::vector<double> coeffs, double period) {
  const Numbers numbers{knots, coeffs, period};
  check(x, g);
  check(numbers, x.scalar_type());
  const Operands o(x, g);
  if (o.y.numel() == 0) return o.y;
  switch (x.scalar_type()) {
    case ScalarType::Half: run<float>(Storage::f16, numbers, o, 2); break;
    case ScalarType::BFloat16: run<float>(Storage::bf16, numbers, o, 2); break;
    case ScalarType::Float: run<float>(Storage::f32, numbers, o, 4); break;
    default: run<double>(Storage::f64, numbers, o, 8);
  }
  return o.y;
}

}  // namespace
}  // namespace hatact

// The instruction set in use, or null where HATACT_CPU_CAPABILITY names one that is not here.
extern "C" __attribute__((visibility("default"))) const char* hatact_cpu_capability() {
  const hatact::Capability* found = hatact::find_capability();
  return found == nullptr ? nullptr : found->name;
}

STABLE_TORCH_LIBRARY_IMPL(hatact, CPU, m) { m.impl("ppoly", TORCH_BOX(&hatact::ppoly)); }
