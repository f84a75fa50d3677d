// The CPU kernels for AVX-512 (F, BW, DQ, VL); cpu_capability.cpp takes them only where the CPU has them.

#if defined(__x86_64__) && defined(__GNUC__)

#if defined(HATACT_EMULATE_AVX512)
// A test compiles this file with the intrinsics defined lane by lane, on a CPU without them.
#elif defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#else
// GCC's generic tuning splits unaligned 32-byte loads in two.
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,tune=skylake-avx512")
// GCC 12 warns, 5,000 times, of its own _mm512_undefined_ps (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "simd_avx512.h"

#include "mlp_loop.h"

namespace hatact {

const Kernels avx512_kernels = kernels<F32x16, F64x8>;

}  // namespace hatact

#if defined(__clang__) && !defined(HATACT_EMULATE_AVX512)
#pragma clang attribute pop
#endif

#endif
