// The CPU kernel for any processor.

#include "simd_portable.h"

#include "ppoly_loop.h"

namespace hatact {

void ppoly_portable(Storage storage, const void* plan, const Arrays& arrays) {
  by_storage<Lanes<float>, Lanes<double>>(storage, plan, arrays);
}

}  // namespace hatact
