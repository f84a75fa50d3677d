// What the CPU kernels of the triangle cascade read. No torch here: see ppoly_plan.h.
#pragma once

#include <cstdint>

namespace hatact {

// Rows of constants of a layer, in the table; each has an entry for every lane of a pair of registers.
enum { kPeak, kRise, kFall, kScale, kCascadeRows };

// A chunk of `rows` rows, an even number, of `row` elements, whole pairs of registers. T is float for f16, bf16 and f32, double for f64.
struct Cascade {
  // lanes: which element of a pair's load() brings into each lane, to `lanes`; reads nothing else.
  enum class Step { lanes, forward, backward } step;
  int16_t* lanes;
  const void* x;
  const void* g;  // backward
  void* y;        // forward: F(x); backward: gx
  int64_t rows, row;
  int depth;
  // Per pair of registers, layer and row of constants: an entry a lane.
  const void* table;
  // Backward, zeros at first: per pair and layer, a lane's Σ −(∂/∂peak), then its Σ ∂/∂scale.
  void* sums;
  void* scratch;  // backward: depth x 4 registers
};

}  // namespace hatact
