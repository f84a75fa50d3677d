// The CPU kernels for any processor.

#include "simd_portable.h"

#include "mlp_loop.h"

namespace hatact {

const Kernels portable_kernels = kernels<Lanes<float>, Lanes<double>>;

}  // namespace hatact
