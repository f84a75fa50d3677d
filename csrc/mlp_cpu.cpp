// hatact::mlp_forward and mlp_backward on CPU: a tile of rows goes through all layers while the
// caches hold it. The gradients of weights and biases are summed over chunks of rows, which depend
// on sizes alone, and these sums in order: the same bits for any number of threads.

#include "mlp_tile.h"

namespace hatact {
namespace {

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
