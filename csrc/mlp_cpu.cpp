// hatact::mlp_forward and mlp_backward on CPU: a tile of rows goes through all layers while the
// caches hold it. The gradients of weights and biases are summed over chunks of rows, which depend
// on sizes alone, and these sums in order: the same bits for any number of threads.

#include <cstring>
#include <memory>
#include <new>

#include "cpu_capability.h"
#include "cpu_tables.h"
#include "mlp_host.h"

namespace hatact {
namespace {

constexpr int64_t kRows = 6;         // of a product's tile: a unit of rows
constexpr int64_t kTile = 8 * kRows;
constexpr int64_t kLeastRows = 240;  // of a chunk
constexpr int64_t kMostRows = 960;   // that a chunk must have where weights are many
constexpr int64_t kMostChunks = 64;
constexpr int64_t kMostDots = 3;    // outputs of a layer that are dot products
constexpr int64_t kGroupOfSums = 8;
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

// Chunk 0 becomes the sum over all, in pairs: so few roundings need no wider type.
template <typename T>
void add_chunks(T* sums, int64_t chunks, int64_t size) {
  constexpr int64_t kBlock = 512;
  torch::stable::parallel_for(0, (size + kBlock - 1) / kBlock, 4, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kBlock, here = std::min(kBlock, size - first);
      for (int64_t half = chunks / 2; half > 0; half /= 2) {
        for (int64_t n = 0; n < half; ++n) {
          T* const to = sums + n * size + first;
          const T* const from = to + half * size;
          for (int64_t i = 0; i < here; ++i) to[i] += from[i];
        }
      }
    }
  });
}

// The gradients of a layer among the sums, as tensors.
template <typename T, typename S>
void put_gradients(const Network<T, S>& net, const T* sums, const std::vector<Tensor>& gweights,
                   const std::vector<Tensor>& gbiases) {
  for (size_t l = 0; l < gweights.size(); ++l) {
    const Layer<T>& layer = net.layer(l);
    const int64_t wide = net.padded(layer.transposed() ? layer.out : layer.in);
    const int64_t of_out = layer.transposed() ? 1 : wide, of_in = layer.transposed() ? wide : 1;
    S* to = static_cast<S*>(gweights[l].mutable_data_ptr());
    for (int64_t j = 0; j < layer.out; ++j) {
      const T* from = sums + layer.weight_at + j * of_out;
      for (int64_t k = 0; k < layer.in; ++k) *to++ = static_cast<S>(from[k * of_in]);
    }
    if (gbiases.empty()) continue;
    S* const of_bias = static_cast<S*>(gbiases[l].mutable_data_ptr());
    for (int64_t j = 0; j < layer.out; ++j) of_bias[j] = static_cast<S>(sums[layer.bias_at + j]);
  }
}

// run(float{}, c10::Half{}, Storage::f16) and so on: what computes, what is stored.
template <typename F>
void by_dtype(ScalarType t, const F& run) {
  switch (t) {
    case ScalarType::Half: return run(float{}, c10::Half{}, Storage::f16);
    case ScalarType::BFloat16: return run(float{}, c10::BFloat16{}, Storage::bf16);
    case ScalarType::Float: return run(float{}, float{}, Storage::f32);
    default: return run(double{}, double{}, Storage::f64);
  }
}

template <typename S>
const S* read_only(const Tensor& t) { return static_cast<const S*>(t.const_data_ptr()); }
template <typename S>
S* writable(const Tensor& t) { return static_cast<S*>(t.mutable_data_ptr()); }

std::tuple<Tensor, Tensor> mlp_forward(Tensor x, std::vector<Tensor> weights, std::vector<Tensor> biases,
                                       std::vector<double> knots, std::vector<double> coeffs,
                                       double period, bool keep) {
  const Shape shape = check_mlp(x, weights, biases);
  const Numbers numbers{knots, coeffs, period};
  check(numbers, x.scalar_type());
  std::vector<int64_t> sizes = sizes_of(x);
  sizes.back() = shape.out;
  const Tensor y = new_dense(x, sizes, x.scalar_type());
  const Tensor kept = new_dense(x, {keep ? shape.kept_layers() : 0, shape.rows, shape.hidden}, x.scalar_type());
  if (shape.rows == 0) return {y, kept};
  const Tensor dense = row_major(x);
  by_dtype(x.scalar_type(), [&](auto computes, auto stored, Storage storage) {
    using T = decltype(computes);
    using S = decltype(stored);
    const Network<T, S> net(storage, shape, weights, biases, false);
    const Tables<T> f(numbers, sizeof(T) == 8 ? Storage::f64 : Storage::f32);
    S* const to = kept.numel() > 0 ? writable<S>(kept) : nullptr;
    const auto starts = [](int64_t) {};
    net.template each_tile<Tile<T, S>>(starts, [&](auto& tile, int64_t, int64_t first, int64_t rows) {
      tile.forward(f.plan(), first, rows, read_only<S>(dense), writable<S>(y), to);
    });
  });
  return {y, kept};
}

std::tuple<Tensor, std::vector<Tensor>, std::vector<Tensor>> mlp_backward(
    Tensor g, Tensor x, std::vector<Tensor> weights, std::vector<Tensor> biases, Tensor kept,
    std::vector<double> knots, std::vector<double> coeffs, std::vector<double> derivative, double period,
    bool of_input, bool of_parameters) {
  const Shape shape = check_mlp(x, weights, biases);
  check_mlp(shape, x, g, kept);
  const Numbers numbers{knots, coeffs, period}, slopes{knots, derivative, period};
  check(numbers, x.scalar_type());
  check(slopes, x.scalar_type());
  const Tensor gx = new_dense(x, of_input ? sizes_of(x) : std::vector<int64_t>{0}, x.scalar_type());
  std::vector<Tensor> gweights, gbiases;
  if (of_parameters) {
    for (const Tensor& w : weights) gweights.push_back(new_dense(w, sizes_of(w), w.scalar_type()));
    for (const Tensor& b : biases) gbiases.push_back(new_dense(b, sizes_of(b), b.scalar_type()));
  }
  const Tensor dense = row_major(x), dense_g = row_major(g), dense_kept = row_major(kept);
  by_dtype(x.scalar_type(), [&](auto computes, auto stored, Storage storage) {
    using T = decltype(computes);
    using S = decltype(stored);
    const Network<T, S> net(storage, shape, weights, biases, true);
    const Storage plain = sizeof(T) == 8 ? Storage::f64 : Storage::f32;
    const Tables<T> f(numbers, plain), slope(slopes, plain);
    // Zeroed by the thread that fills them.
    const Memory<T> sums(of_parameters ? net.chunks() * net.sums() : 0, false);
    const typename Tile<T, S>::Arguments a{
        f.plan(), slope.plan(), read_only<S>(dense_g), read_only<S>(dense),
        kept.size(0) > 0 ? read_only<S>(dense_kept) : nullptr, of_input ? writable<S>(gx) : nullptr};
    const auto starts = [&](int64_t chunk) {
      if (of_parameters) std::fill_n(sums.get() + chunk * net.sums(), net.sums(), T{0});
    };
    net.template each_tile<Tile<T, S>>(starts, [&](auto& tile, int64_t chunk, int64_t first, int64_t rows) {
      T* const of_chunk = of_parameters ? sums.get() + chunk * net.sums() : nullptr;
      tile.backward(a, first, rows, of_chunk);
    });
    if (!of_parameters) return;
    add_chunks(sums.get(), net.chunks(), net.sums());
    put_gradients(net, sums.get(), gweights, gbiases);
  });
  return {gx, gweights, gbiases};
}

}  // namespace
}  // namespace hatact

STABLE_TORCH_LIBRARY_IMPL(hatact, CPU, m) {
  m.impl("mlp_forward", TORCH_BOX(&hatact::mlp_forward));
  m.impl("mlp_backward", TORCH_BOX(&hatact::mlp_backward));
}
