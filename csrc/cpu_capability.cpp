// The instruction sets of the CPU kernels, and the choice among them.

#include "cpu_capability.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace hatact {
namespace {

struct Capability {
  const char* name;
  const Kernels* kernels;
  bool supported;
};

const std::vector<Capability>& capabilities() {
#if defined(HATACT_EMULATE_AVX512)
  static const std::vector<Capability> all = {{"avx512", &avx512_kernels, true}};
#elif defined(__x86_64__) && defined(__GNUC__)
  static const std::vector<Capability> all = {
      {"avx512", &avx512_kernels,
       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")},
      {"avx2", &avx2_kernels,
       __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c")},
      {"portable", &portable_kernels, true}};
#else
  static const std::vector<Capability> all = {{"portable", &portable_kernels, true}};
#endif
  return all;
}

const Capability* find_capability() {
  const char* forced = std::getenv("HATACT_CPU_CAPABILITY");
  if (forced != nullptr && *forced == '\0') forced = nullptr;  // as HATACT_BACKEND, empty is unset
  for (const Capability& c : capabilities()) {
    if (c.supported && (forced == nullptr || std::strcmp(forced, c.name) == 0)) return &c;
  }
  return nullptr;
}

}  // namespace

const Kernels& cpu_kernels() {
  static const Capability* const found = find_capability();
  if (found == nullptr) {
    std::string names;
    for (const Capability& c : capabilities()) {
      if (c.supported) names += names.empty() ? c.name : std::string(", ") + c.name;
    }
    throw std::invalid_argument("HATACT_CPU_CAPABILITY must be one of those that this CPU has, " +
                                names + "; got " + std::getenv("HATACT_CPU_CAPABILITY"));
  }
  return *found->kernels;
}

}  // namespace hatact

// The instruction set in use, or null where HATACT_CPU_CAPABILITY names one that is not here.
extern "C" __attribute__((visibility("default"))) const char* hatact_cpu_capability() {
  const hatact::Capability* found = hatact::find_capability();
  return found == nullptr ? nullptr : found->name;
}
