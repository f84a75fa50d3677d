// The CPU kernels for AVX2 + FMA + F16C; cpu_capability.cpp takes them only where the CPU has them.

#if defined(__x86_64__) && defined(__GNUC__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
// GCC's generic tuning splits unaligned 32-byte loads in two.
#pragma GCC target("avx2,fma,f16c,tune=haswell")
#endif

#include "simd_avx2.h"

#include "mlp_loop.h"

namespace hatact {

const Kernels avx2_kernels = kernels<F32x8, F64x4>;

}  // namespace hatact

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
