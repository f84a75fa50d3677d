// Which CPU kernels run: the best that this CPU has, or what HATACT_CPU_CAPABILITY names.
#pragma once

#include "ppoly_plan.h"

namespace hatact {

// Throws std::invalid_argument where HATACT_CPU_CAPABILITY names what this CPU does not have.
const Kernels& cpu_kernels();

}  // namespace hatact
