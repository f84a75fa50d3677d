// The rules on the arguments of hatact::mlp_forward and mlp_backward, and what follows from sizes.
#pragma once

#include "code_host.h"

namespace hatact {

// A network of `depth` linear layers, in → hidden → … → hidden → out, at least two, on `rows` rows.
struct Shape {
  int64_t rows, in, hidden, out;
  int64_t depth;

  int64_t inputs(int64_t layer) const { return layer == 0 ? in : hidden; }
  int64_t outputs(int64_t layer) const { return layer == depth - 1 ? out : hidden; }
  // The first hidden layer whose pre-activation a forward keeps: that of a narrow input costs less
  // to compute again than to store.
  int64_t first_kept() const { return 4 * in > hidden ? 0 : 1; }
  int64_t kept_layers() const { return depth - 1 - first_kept(); }
};

inline bool has_sizes(const Tensor& t, const std::vector<int64_t>& sizes) {
  if (t.dim() != static_cast<int64_t>(sizes.size())) return false;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (t.size(d) != sizes[d]) return false;
  }
  return true;
}

inline void check_alike(const Tensor& x, const char* what, const Tensor& t) {
  if (t.scalar_type() != x.scalar_type() || t.device() != x.device()) {
    refuse(what, " must have the dtype and device of x, ", described(x), "; got ", described(t));
  }
}

// Where the first weight differs it is x that is to blame.
inline void check_parameter(const Tensor& x, const char* what, int64_t l, const Tensor& t, bool first) {
  if (t.scalar_type() == x.scalar_type() && t.device() == x.device()) return;
  if (first) {
    refuse("x must have the dtype and device of the parameters, ", described(t), "; got ", described(x));
  }
  refuse("all parameters must have the dtype and device of x, ", described(x), "; got ", what, " ", l,
         " of ", described(t));
}

inline Shape check_mlp(const Tensor& x, const std::vector<Tensor>& weights,
                       const std::vector<Tensor>& biases) {
  check(x, std::nullopt);
  if (weights.size() < 2) refuse("an mlp needs at least 2 weights; got ", weights.size());
  if (!biases.empty() && biases.size() != weights.size()) {
    refuse("an mlp needs a bias for each of its ", weights.size(), " weights, or none; got ",
           biases.size());
  }
  for (const Tensor& w : weights) {
    if (w.dim() != 2) refuse("a weight must have shape (out, in); got ", listed(w, &Tensor::size));
  }
  Shape s{1, weights.front().size(1), weights.front().size(0), weights.back().size(0),
          static_cast<int64_t>(weights.size())};
  if (x.dim() < 1 || x.size(x.dim() - 1) != s.in) {
    refuse("the last dimension of x must be the ", s.in, " inputs of the first weight; got shape ",
           listed(x, &Tensor::size));
  }
  for (int64_t l = 0; l < s.depth; ++l) {
    const std::vector<int64_t> sizes{s.outputs(l), s.inputs(l)};
    if (!has_sizes(weights[l], sizes)) {
      refuse("weight ", l, " must have shape (", sizes[0], ", ", sizes[1], "): all hidden layers have ",
             s.hidden, " units; got ", listed(weights[l], &Tensor::size));
    }
    check_parameter(x, "weight", l, weights[l], l == 0);
    if (biases.empty()) continue;
    if (!has_sizes(biases[l], {sizes[0]})) {
      refuse("bias ", l, " must have shape (", sizes[0], ",); got ", listed(biases[l], &Tensor::size));
    }
    check_parameter(x, "bias", l, biases[l], false);
  }
  for (int64_t d = 0; d + 1 < x.dim(); ++d) s.rows *= x.size(d);
  return s;
}

// What mlp_backward takes beside what mlp_forward took.
inline void check_mlp(const Shape& s, const Tensor& x, const Tensor& g, const Tensor& kept) {
  std::vector<int64_t> sizes = sizes_of(x);
  sizes.back() = s.out;
  check_alike(x, "g", g);
  if (!has_sizes(g, sizes)) {
    refuse("g must have the shape of the output, ", s.out, " for the last dimension of x's ",
           listed(x, &Tensor::size), "; got ", listed(g, &Tensor::size));
  }
  check_alike(x, "kept", kept);
  if (!has_sizes(kept, {s.kept_layers(), s.rows, s.hidden}) && !has_sizes(kept, {0, s.rows, s.hidden})) {
    refuse("kept must have shape (", s.kept_layers(), " or 0, ", s.rows, ", ", s.hidden, "); got ",
           listed(kept, &Tensor::size));
  }
}

}  // namespace hatact
