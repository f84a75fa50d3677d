// The fused network on CPU: a tile of rows through all layers, forward and backward.
#pragma once

#include "mlp_network.h"

namespace hatact {
namespace {

constexpr int64_t kGroupOfSums = 8;  // rows whose gradients of biases are summed plainly

// The rows that a thread works on, of every layer. Rows are padded to whole registers.
template <typename T, typename S>
class Tile {
 public:
  explicit Tile(const Network<T, S>& net)
      : net_(net),
        s_(net.shape()),
        hidden_(net.padded(s_.hidden)),
        of_half_(kSame ? 0 : kTile * s_.hidden) {}

  void forward(const Plan<T>& f, int64_t first, int64_t rows, const S* x, S* y, S* kept) {
    rows_ = rows;
    const int64_t width = net_.padded(s_.out);
    if (h_.empty()) {
      h_.emplace_back(kTile * hidden_), z_.emplace_back(kTile * hidden_);
      y_ = Memory<T>(kTile * width);
    }
    int64_t row = s_.in;
    const T* h = input(x + first * s_.in, row);
    for (int64_t l = 0; l + 1 < s_.depth; ++l) {
      S* const to = kept == nullptr || l < s_.first_kept() ? nullptr : kept + at_kept(l, first);
      const T* z = pre_activation(l, h, row, z_[0].get(), to);
      net_.activate(f, z, nullptr, h_[0].get(), rows);
      h = h_[0].get();
      row = hidden_;
    }
    S* const to = y + first * s_.out;
    if (net_.dots(s_.depth - 1)) clear_padding(h_[0].get());
    if constexpr (kSame) {
      if (width == s_.out) return linear(s_.depth - 1, h, row, to);
    }
    linear(s_.depth - 1, h, row, y_.get());
    net_.narrow(y_.get(), to, rows, s_.out, width);
  }

  struct Arguments {
    const Plan<T>& f;
    const Plan<T>& derivative;
    const S* g;
    const S* x;
    const S* kept;  // null: all is computed again
    S* gx;          // null: not asked for
  };

  // Adds to `sums`, those of a chunk, unless null.
  void backward(const Arguments& a, int64_t first, int64_t rows, T* sums) {
    rows_ = rows;
    while (static_cast<int64_t>(h_.size()) + 1 < s_.depth) {
      h_.emplace_back(kTile * hidden_), z_.emplace_back(kTile * hidden_);
    }
    const int64_t of_input = a.gx == nullptr ? 0 : net_.padded(s_.in);
    const int64_t widest = std::max({of_input, hidden_, net_.padded(s_.out)});
    if (g_.get() == nullptr) g_ = Memory<T>(kTile * widest), next_ = Memory<T>(kTile * widest);

    // A first weight's gradient whose columns are inputs reads them in whole registers.
    int64_t row = net_.layer(0).transposed() ? s_.in : net_.padded(s_.in);
    const T* const x = input(a.x + first * s_.in, row);
    const auto h = [&](int64_t l) { return l == 0 ? x : h_[l - 1].get(); };  // what layer l reads
    const auto row_of = [&](int64_t l) { return l == 0 ? row : hidden_; };
    std::vector<const T*> z(s_.depth - 1);
    for (int64_t l = 0; l + 1 < s_.depth; ++l) {
      const bool again = a.kept == nullptr || l < s_.first_kept();
      z[l] = again ? pre_activation(l, h(l), row_of(l), z_[l].get(), nullptr)
                   : kept(a.kept + at_kept(l, first), z_[l].get());
      if (sums != nullptr || l + 2 < s_.depth) net_.activate(a.f, z[l], nullptr, h_[l].get(), rows);
    }

    T* g = g_.get();
    T* next = next_.get();
    const int64_t out = net_.padded(s_.out);
    std::fill_n(g, rows * out, T{0});
    net_.widen(a.g + first * s_.out, g, rows, s_.out, out);
    for (int64_t l = s_.depth; l-- > 0;) {
      if (sums != nullptr) add_gradients(l, g, h(l), row_of(l), sums);
      if (l == 0 && a.gx == nullptr) return;
      through(l, g, next);
      if (l > 0) net_.activate(a.derivative, z[l - 1], next, next, rows);
      std::swap(g, next);
    }
    net_.narrow(g, a.gx + first * s_.in, rows, s_.in, net_.padded(s_.in));
  }

 private:
  static constexpr bool kSame = std::is_same_v<T, S>;

  int64_t at_kept(int64_t l, int64_t first) const {
    return ((l - s_.first_kept()) * s_.rows + first) * s_.hidden;
  }

  // The inputs, with rows `row` apart.
  const T* input(const S* x, int64_t row) {
    if constexpr (kSame) {
      if (row == s_.in) return x;
    }
    if (x_.get() == nullptr) x_ = Memory<T>(kTile * row);
    net_.widen(x, x_.get(), rows_, s_.in, row);
    return x_.get();
  }

  const T* kept(const S* from, T* to) const {
    if constexpr (kSame) {
      if (hidden_ == s_.hidden) return from;
    }
    net_.widen(from, to, rows_, s_.hidden, hidden_);
    return to;
  }

  // What dot products read beyond the hidden units must be finite: f(0) and f(NaN) need not be.
  void clear_padding(T* h) const {
    if (hidden_ == s_.hidden) return;
    for (int64_t i = 0; i < rows_; ++i) std::fill(h + i * hidden_ + s_.hidden, h + (i + 1) * hidden_, T{0});
  }

  // x·Wᵀ + b.
  void linear(int64_t l, const T* x, int64_t row, T* to) const {
    const Layer<T>& layer = net_.layer(l);
    const int64_t width = net_.padded(layer.out);
    if (net_.dots(l)) {
      return net_.product({x, row, 1, layer.rows.get(), row, 0, layer.bias.get(), false, to, width, rows_,
                           layer.in, layer.out, true});
    }
    net_.product({x, row, 1, layer.ahead.get(), net_.panel(), layer.in * net_.panel(),
                  layer.bias.get(), false, to, width, rows_, layer.in, width});
  }

  // A hidden layer's, rounded as S is stored, and in `stored` unless null; where rows are whole
  // registers, there alone.
  const T* pre_activation(int64_t l, const T* h, int64_t row, T* to, S* stored) {
    if constexpr (kSame) {
      if (stored != nullptr && hidden_ == s_.hidden) {
        linear(l, h, row, stored);
        return stored;
      }
    }
    linear(l, h, row, to);
    if (!kSame || stored != nullptr) {
      S* const at = stored != nullptr ? stored : of_half_.get();
      net_.narrow(to, at, rows_, s_.hidden, hidden_);
      if (!kSame) net_.widen(at, to, rows_, s_.hidden, hidden_);
    }
    return to;
  }

  // g·W.
  void through(int64_t l, const T* g, T* to) const {
    const Layer<T>& layer = net_.layer(l);
    const int64_t width = net_.padded(layer.in);
    net_.product({g, net_.padded(layer.out), 1, layer.back.get(), net_.panel(), layer.out * net_.panel(),
                  nullptr, false, to, width, rows_, layer.out, width});
  }

  void add_gradients(int64_t l, const T* g, const T* h, int64_t row, T* sums) const {
    static const T one = 1;
    const Layer<T>& layer = net_.layer(l);
    const int64_t out = net_.padded(layer.out), in = net_.padded(layer.in), panel = net_.panel();
    T* const to = sums + layer.weight_at;
    if (layer.transposed()) {
      net_.product({h, 1, row, g, out, panel, nullptr, true, to, out, layer.in, rows_, out});
    } else {
      net_.product({g, 1, out, h, row, panel, nullptr, true, to, in, layer.out, rows_, in});
    }
    if (!net_.has_bias()) return;
    // In groups, or these plain sums would round more than PyTorch's, which are pairwise.
    for (int64_t r = 0; r < rows_; r += kGroupOfSums) {
      net_.product({&one, 0, 0, g + r * out, out, panel, nullptr, true, sums + layer.bias_at, out, 1,
                    std::min(kGroupOfSums, rows_ - r), out});
    }
  }

  const Network<T, S>& net_;
  const Shape& s_;
  int64_t hidden_;
  int64_t rows_ = 0;
  Memory<S> of_half_;
  Memory<T> x_, y_, g_, next_;
  std::vector<Memory<T>> z_, h_;
};

}  // namespace
}  // namespace hatact
