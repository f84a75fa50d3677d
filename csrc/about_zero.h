// A linear piece in powers of x itself: c₀·(x − base) + c₁ = c₀·x + (c₁ − c₀·base).
#pragma once

#include <cmath>
#include <limits>

namespace hatact {

// Sets `moved` to c₁ − c₀·base where nothing is lost on the way and c₀·x + it rounds once: c₀ a power
// of 2, all numbers exact in T and none of them huge. Only for a base left of 0: so hardtanh is
// exact next to 0, where x − (−1) would be rounded. hatact/reference.py has the same rule.
template <typename T>
inline bool about_zero(double slope, double constant, double base, double& moved) {
  const auto exact = [](double v) {
    constexpr double kMost = std::numeric_limits<T>::max();
    const double size = std::fabs(v);
    return v == 0 || (size >= std::numeric_limits<T>::min() && size <= (kMost < 0x1p900 ? kMost : 0x1p900) &&
                      static_cast<double>(static_cast<T>(v)) == v);
  };
  int exponent;
  if (!(base < 0)) return false;
  if (std::fabs(std::frexp(slope, &exponent)) != 0.5) return false;
  const double product = slope * base, sum = constant - product;
  if (constant - sum != product || sum + product != constant) return false;
  if (!exact(slope) || !exact(constant) || !exact(base) || !exact(product) || !exact(sum)) return false;
  moved = sum;
  return true;
}

}  // namespace hatact
