// What the CPU kernels of the fused network read. No torch here: see ppoly_plan.h.
#pragma once

#include <cstdint>

namespace hatact {

// C = A·B + bias, on every row, or C += A·B + bias. On one thread, for a C and a B that the caches
// hold. T is float, or double for f64.
//
//     A[i, k] = a[i·a_row + k·a_step]
//     B[k, j] = b[(j / panel)·b_panel + k·b_step + j mod panel]
//     C[i, j] = c[i·c_row + j]
struct Product {
  const void* a;
  int64_t a_row, a_step;
  const void* b;
  int64_t b_step, b_panel;
  const void* bias;  // null: none
  bool add;
  void* c;
  int64_t c_row;
  int64_t rows, depth;
  int64_t columns;  // whole registers; what lies beyond B's own columns may be read and written
  // For few columns: B[k, j] = b[j·b_step + k], and columns are B's own. A's rows and B's columns are
  // read in whole registers, with zeros in both beyond the depth.
  bool by_dots = false;
};

// `size` elements of `stored`, in the dtype of a tensor, from or to `wide`, in the dtype that computes.
struct Convert {
  bool widen;
  void* stored;
  void* wide;
  int64_t size;
};

}  // namespace hatact
