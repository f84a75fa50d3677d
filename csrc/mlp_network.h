// The fused network on CPU: its weights as products read them, and how its rows are shared out.
#pragma once

#include <cstring>
#include <memory>
#include <new>

#include "cpu_capability.h"
#include "cpu_tables.h"
#include "mlp_host.h"

namespace hatact {
namespace {

constexpr int64_t kRows = 6;  // of a product's tile: a unit of rows
constexpr int64_t kTile = 8 * kRows;
constexpr int64_t kLeastRows = 240;  // of a chunk
constexpr int64_t kMostRows = 960;   // that a chunk must have where weights are many
constexpr int64_t kMostChunks = 64;
constexpr int64_t kMostDots = 3;  // outputs of a layer that are dot products
constexpr size_t kAlignment = 64;

// Memory that starts at a cache line, filled with zeros unless they are left to another.
template <typename T>
class Memory {
 public:
  Memory() = default;
  explicit Memory(int64_t size, bool zeros = true)
      : at_(static_cast<T*>(::operator new(sizeof(T) * size, std::align_val_t{kAlignment}))) {
    if (zeros) std::memset(static_cast<void*>(at_.get()), 0, sizeof(T) * size);
  }
  T* get() const { return at_.get(); }

 private:
  struct Free {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<T, Free> at_;
};

int64_t whole(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

template <typename T>
struct Layer {
  int64_t in, out;
  Memory<T> ahead, back;  // Wᵀ and W as a product's B, in panels
  Memory<T> rows;         // W's rows, padded, of a layer with few outputs
  Memory<T> bias;
  int64_t weight_at, bias_at;  // of their gradients among the sums
  // The shorter side of the gradient is that of single rows: out of (out, in), or in of (in, out).
  bool transposed() const { return in < out; }
};

// T computes, S is stored.
template <typename T, typename S>
class Network {
 public:
  Network(Storage storage, const Shape& shape, const std::vector<Tensor>& weights,
          const std::vector<Tensor>& biases, bool backward)
      : shape_(shape),
        storage_(storage),
        computes_(storage == Storage::f64 ? storage : Storage::f32),
        kernels_(cpu_kernels()),
        sizes_(sizeof(T) == 8 ? kernels_.of_double : kernels_.of_float),
        has_bias_(!biases.empty()) {
    for (int64_t l = 0; l < shape.depth; ++l) {
      const Tensor dense = row_major(weights[l]);
      const S* w = static_cast<const S*>(dense.const_data_ptr());
      Layer<T> layer{shape.inputs(l), shape.outputs(l), {}, {}, {}, {}, sums_, 0};
      if (!dots(l)) layer.ahead = panels(w, layer.in, layer.out, 1, layer.in);
      if (dots(l)) layer.rows = rows_of(w, layer.out, layer.in);
      if (backward) layer.back = panels(w, layer.out, layer.in, layer.in, 1);
      const int64_t most = std::max(padded(layer.in), padded(layer.out));
      sums_ += whole(std::min(layer.in, layer.out) * most, kAlignment / sizeof(T));
      layer.bias_at = sums_;
      if (has_bias_) {
        const Tensor b = row_major(biases[l]);
        layer.bias = Memory<T>(padded(layer.out));
        std::copy_n(static_cast<const S*>(b.const_data_ptr()), layer.out, layer.bias.get());
        sums_ += whole(padded(layer.out), kAlignment / sizeof(T));
      }
      layers_.push_back(std::move(layer));
    }
    // A power of two: their sums are added in pairs, and threads get equal shares.
    const int64_t of_weights = std::max(kLeastRows, std::min(kMostRows, sums_ / 256));
    const int64_t least = backward ? of_weights : kTile;
    while (2 * chunks_ <= kMostChunks && 2 * chunks_ * least <= shape.rows) chunks_ *= 2;
    chunk_ = whole((shape.rows + chunks_ - 1) / chunks_, kRows);
  }

  const Shape& shape() const { return shape_; }
  const Layer<T>& layer(int64_t l) const { return layers_[l]; }
  int64_t padded(int64_t columns) const { return whole(columns, sizes_.width); }
  int64_t panel() const { return sizes_.panel; }
  // Whether a layer is the last and its outputs are so few that each is a dot product.
  bool dots(int64_t l) const { return l == shape_.depth - 1 && shape_.out <= kMostDots; }
  bool has_bias() const { return has_bias_; }
  int64_t sums() const { return sums_; }
  int64_t chunks() const { return chunks_; }

  // Calls starts(chunk) for each chunk, and run(tile, chunk, first row, rows) for each of its tiles,
  // in order.
  template <typename Tile, typename G, typename F>
  void each_tile(const G& starts, const F& run) const {
    torch::stable::parallel_for(0, chunks_, 1, [&](int64_t begin, int64_t end) {
      Tile tile(*this);
      for (int64_t n = begin; n < end; ++n) {
        starts(n);
        const int64_t last = std::min(shape_.rows, (n + 1) * chunk_);
        for (int64_t row = n * chunk_; row < last; row += kTile) {
          run(tile, n, row, std::min(kTile, last - row));
        }
      }
    });
  }

  void product(const Product& p) const { kernels_.product(computes_, p); }

  void activate(const Plan<T>& plan, const T* z, const T* g, T* y, int64_t rows) const {
    kernels_.ppoly(computes_, &plan, {z, g, false, y, nullptr, rows * padded(shape_.hidden)});
  }

  // Rows of n elements, `row` apart in `wide` and dense in `stored`.
  void convert(bool widen, S* stored, T* wide, int64_t rows, int64_t n, int64_t row) const {
    if (row == n) {
      n *= rows;
      rows = 1;
    }
    if constexpr (std::is_same_v<T, S>) {
      for (int64_t i = 0; i < rows; ++i) {
        const T* from = widen ? stored + i * n : wide + i * row;
        T* to = widen ? wide + i * row : stored + i * n;
        for (int64_t k = 0; k < n; ++k) to[k] = from[k];
      }
      return;
    }
    for (int64_t i = 0; i < rows; ++i) {
      kernels_.convert(storage_, {widen, stored + i * n, wide + i * row, n});
    }
  }
  void widen(const S* stored, T* wide, int64_t rows, int64_t n, int64_t row) const {
    convert(true, const_cast<S*>(stored), wide, rows, n, row);
  }
  void narrow(const T* wide, S* stored, int64_t rows, int64_t n, int64_t row) const {
    convert(false, stored, const_cast<T*>(wide), rows, n, row);
  }

 private:
  // B[k, j] = w[k·step + j·next], depth x columns, in panels that are filled up with zeros.
  Memory<T> panels(const S* w, int64_t depth, int64_t columns, int64_t step, int64_t next) const {
    const int64_t panel = sizes_.panel;
    Memory<T> packed(whole(columns, panel) * depth, false);
    T* to = packed.get();
    for (int64_t first = 0; first < columns; first += panel) {
      const int64_t here = std::min(panel, columns - first);
      for (int64_t k = 0; k < depth; ++k, to += panel) {
        const S* from = w + k * step + first * next;
        for (int64_t v = 0; v < here; ++v) to[v] = static_cast<T>(from[v * next]);
        for (int64_t v = here; v < panel; ++v) to[v] = 0;
      }
    }
    return packed;
  }

  Memory<T> rows_of(const S* w, int64_t rows, int64_t columns) const {
    const int64_t width = padded(columns);
    Memory<T> copy(rows * width);
    for (int64_t j = 0; j < rows; ++j) {
      for (int64_t k = 0; k < columns; ++k) copy.get()[j * width + k] = static_cast<T>(w[j * columns + k]);
    }
    return copy;
  }

  Shape shape_;
  Storage storage_, computes_;
  const Kernels& kernels_;
  Kernels::Sizes sizes_;
  bool has_bias_;
  std::vector<Layer<T>> layers_;
  int64_t sums_ = 0;   // elements of the sums of a chunk
  int64_t chunks_ = 1;
  int64_t chunk_ = 0;  // rows
};

}  // namespace
}  // namespace hatact
