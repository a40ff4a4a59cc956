// The operations, and what TensorFlow is told about them when the library is loaded.

#include "adamw.h"
#include "add_and_norm.h"
#include "affine.h"
#include "attention.h"
#include "gelu.h"
#include "register_operation.h"

namespace bert_cpu {
namespace {

Keep keep_of(const Attributes& attributes, const Call::Input<int32_t>& seed) {
  expect(seed.shape.count() == 2, "a seed is two numbers");
  return Keep(attributes.rate, seed.data);
}

struct Gelu {
  static constexpr const char* kName = "BertCpuGelu";
  static constexpr Names kInputs = {"x: bfloat16"};
  static constexpr Names kOutputs = {"y: bfloat16"};
  static constexpr Names kAttributes = {};

  static void compute(const Attributes&, Call& call) {
    const auto x = call.input<uint16_t>(0);
    gelu(x.data, x.shape.count(), call.output<uint16_t>(0, TF_BFLOAT16, x.shape));
  }
};

struct GeluGradient {
  static constexpr const char* kName = "BertCpuGeluGradient";
  static constexpr Names kInputs = {"x: bfloat16", "upstream: bfloat16"};
  static constexpr Names kOutputs = {"to_x: bfloat16"};
  static constexpr Names kAttributes = {};

  static void compute(const Attributes&, Call& call) {
    const auto x = call.input<uint16_t>(0), upstream = call.input<uint16_t>(1);
    expect(x.shape.sizes == upstream.shape.sizes, "x and upstream differ in shape");
    gelu_gradient(x.data, upstream.data, x.shape.count(),
                  call.output<uint16_t>(0, TF_BFLOAT16, x.shape));
  }
};

struct AddAndNorm {
  static constexpr const char* kName = "BertCpuAddAndNorm";
  static constexpr Names kInputs = {"x: bfloat16", "change: bfloat16", "gamma: float",
                                    "beta: float", "seed: int32"};
  static constexpr Names kOutputs = {"output: bfloat16", "normed: bfloat16",
                                     "deviation: float"};
  static constexpr Names kAttributes = {"rate: float", "epsilon: float"};

  static void compute(const Attributes& attributes, Call& call) {
    const auto x = call.input<uint16_t>(0), change = call.input<uint16_t>(1);
    const auto gamma = call.input<float>(2), beta = call.input<float>(3);
    const int64_t rows = x.shape.rows(), columns = x.shape.columns();
    expect(x.shape.sizes == change.shape.sizes, "x and change differ in shape");
    expect(columns % 16 == 0, "columns are no multiple of 16");
    expect(gamma.shape.count() == columns && beta.shape.count() == columns,
           "gamma or beta has not a number for each column");
    add_and_norm(x.data, change.data, gamma.data, beta.data, attributes.epsilon,
                 keep_of(attributes, call.input<int32_t>(4)), rows,
                 static_cast<int>(columns),
                 call.output<uint16_t>(0, TF_BFLOAT16, x.shape),
                 call.output<uint16_t>(1, TF_BFLOAT16, x.shape),
                 call.output<float>(2, TF_FLOAT, {{rows}}));
  }
};

struct AddAndNormGradient {
  static constexpr const char* kName = "BertCpuAddAndNormGradient";
  static constexpr Names kInputs = {"normed: bfloat16", "deviation: float",
                                    "upstream: bfloat16", "gamma: float",
                                    "seed: int32"};
  static constexpr Names kOutputs = {"to_x: bfloat16", "to_change: bfloat16",
                                     "to_gamma: float", "to_beta: float"};
  static constexpr Names kAttributes = {"rate: float"};

  static void compute(const Attributes& attributes, Call& call) {
    const auto normed = call.input<uint16_t>(0), upstream = call.input<uint16_t>(2);
    const auto deviation = call.input<float>(1), gamma = call.input<float>(3);
    const int64_t rows = normed.shape.rows(), columns = normed.shape.columns();
    expect(normed.shape.sizes == upstream.shape.sizes,
           "normed and upstream differ in shape");
    expect(columns % 16 == 0, "columns are no multiple of 16");
    expect(gamma.shape.count() == columns, "gamma has not a number for each column");
    expect(deviation.shape.count() == rows, "deviation has not a number for each row");
    add_and_norm_gradient(normed.data, deviation.data, upstream.data, gamma.data,
                          keep_of(attributes, call.input<int32_t>(4)), rows,
                          static_cast<int>(columns),
                          call.output<uint16_t>(0, TF_BFLOAT16, normed.shape),
                          call.output<uint16_t>(1, TF_BFLOAT16, normed.shape),
                          call.output<float>(2, TF_FLOAT, {{columns}}),
                          call.output<float>(3, TF_FLOAT, {{columns}}));
  }
};

AffineShape affine_shape(const Call::Input<uint16_t>& x,
                         const Call::Input<uint16_t>& kernel) {
  expect(x.shape.sizes.size() == 2 && kernel.shape.sizes.size() == 2,
         "x or kernel is no matrix");
  const int64_t inputs = kernel.shape.rows(), outputs = kernel.shape.columns();
  expect(x.shape.columns() == inputs, "x has not a column for each row of kernel");
  expect(inputs % 16 == 0 && outputs % 16 == 0, "kernel is no multiple of 16");
  return {x.shape.rows(), static_cast<int>(inputs), static_cast<int>(outputs)};
}

struct Affine {
  static constexpr const char* kName = "BertCpuAffine";
  static constexpr Names kInputs = {"x: bfloat16", "kernel: bfloat16",
                                    "bias: bfloat16"};
  static constexpr Names kOutputs = {"y: bfloat16"};
  static constexpr Names kAttributes = {};

  static void compute(const Attributes&, Call& call) {
    const auto x = call.input<uint16_t>(0), kernel = call.input<uint16_t>(1);
    const auto bias = call.input<uint16_t>(2);
    const AffineShape shape = affine_shape(x, kernel);
    expect(bias.shape.count() == shape.outputs,
           "bias has not a number for each column");
    affine(x.data, kernel.data, bias.data, shape,
           call.output<uint16_t>(0, TF_BFLOAT16, {{shape.rows, shape.outputs}}));
  }
};

struct AffineGradient {
  static constexpr const char* kName = "BertCpuAffineGradient";
  static constexpr Names kInputs = {"x: bfloat16", "kernel: bfloat16",
                                    "upstream: bfloat16"};
  static constexpr Names kOutputs = {"to_x: bfloat16", "to_kernel: bfloat16",
                                     "to_bias: bfloat16"};
  static constexpr Names kAttributes = {};

  static void compute(const Attributes&, Call& call) {
    const auto x = call.input<uint16_t>(0), kernel = call.input<uint16_t>(1);
    const auto upstream = call.input<uint16_t>(2);
    const AffineShape shape = affine_shape(x, kernel);
    expect(upstream.shape.count() == shape.rows * shape.outputs,
           "upstream is not (rows, outputs)");
    affine_gradient(x.data, kernel.data, upstream.data, shape,
                    call.output<uint16_t>(0, TF_BFLOAT16, x.shape),
                    call.output<uint16_t>(1, TF_BFLOAT16, kernel.shape),
                    call.output<uint16_t>(2, TF_BFLOAT16, {{shape.outputs}}));
  }
};

AttentionShape attention_shape(const Attributes& attributes,
                               const Call::Input<uint16_t>& projected,
                               const Call::Input<float>& blocked) {
  expect(blocked.shape.sizes.size() == 2, "blocked is not (batch, length)");
  const int64_t batch = blocked.shape.sizes[0], length = blocked.shape.sizes[1];
  const int64_t heads = attributes.heads, columns = projected.shape.columns();
  expect(projected.shape.sizes.size() == 2 && projected.shape.rows() == batch * length,
         "projected is not (batch * length, 3 * width)");
  expect(heads > 0 && columns % (3 * heads) == 0, "heads do not divide the width");
  const int64_t size = columns / 3 / heads;
  expect(size % 16 == 0, "a head's size is no multiple of 16");
  return {batch, static_cast<int>(length), static_cast<int>(heads),
          static_cast<int>(size)};
}

struct Attention {
  static constexpr const char* kName = "BertCpuAttention";
  static constexpr Names kInputs = {"projected: bfloat16", "blocked: float",
                                    "seed: int32"};
  static constexpr Names kOutputs = {"context: bfloat16", "kept: float"};
  static constexpr Names kAttributes = {"heads: int", "scale: float", "rate: float"};

  static void compute(const Attributes& attributes, Call& call) {
    const auto projected = call.input<uint16_t>(0);
    const auto blocked = call.input<float>(1);
    const AttentionShape shape = attention_shape(attributes, projected, blocked);
    const int64_t rows = projected.shape.rows();
    attend(
        projected.data, blocked.data, attributes.scale,
        keep_of(attributes, call.input<int32_t>(2)), shape,
        call.output<uint16_t>(0, TF_BFLOAT16, {{rows, shape.width()}}),
        call.output<float>(1, TF_FLOAT, {{shape.batch, shape.heads, shape.length, 2}}));
  }
};

struct AttentionGradient {
  static constexpr const char* kName = "BertCpuAttentionGradient";
  static constexpr Names kInputs = {"projected: bfloat16", "blocked: float",
                                    "seed: int32", "kept: float", "upstream: bfloat16"};
  static constexpr Names kOutputs = {"to_projected: bfloat16"};
  static constexpr Names kAttributes = {"heads: int", "scale: float", "rate: float"};

  static void compute(const Attributes& attributes, Call& call) {
    const auto projected = call.input<uint16_t>(0), upstream = call.input<uint16_t>(4);
    const auto blocked = call.input<float>(1), kept = call.input<float>(3);
    const AttentionShape shape = attention_shape(attributes, projected, blocked);
    expect(kept.shape.count() == shape.batch * shape.heads * shape.length * 2,
           "kept is not (batch, heads, length, 2)");
    expect(upstream.shape.count() == projected.shape.count() / 3,
           "upstream is not (batch * length, width)");
    attend_gradient(projected.data, blocked.data, attributes.scale,
                    keep_of(attributes, call.input<int32_t>(2)), shape, kept.data,
                    upstream.data,
                    call.output<uint16_t>(0, TF_BFLOAT16, projected.shape));
  }
};

Update update_of(const Call::Input<float>& numbers) {
  expect(numbers.shape.count() == 6, "numbers of an update are six");
  const float* x = numbers.data;
  return {x[0], x[1], x[2], x[3], x[4], x[5]};
}

Learned<const float> before_of(const Call::Input<float>& weights,
                               const Call::Input<float>& momentum,
                               const Call::Input<float>& velocity) {
  expect(weights.shape.sizes == momentum.shape.sizes &&
             weights.shape.sizes == velocity.shape.sizes,
         "weights and moments differ in shape");
  return {weights.data, momentum.data, velocity.data};
}

Learned<float> after_of(Call& call, const Call::Shape& shape) {
  return {call.output<float>(0, TF_FLOAT, shape),
          call.output<float>(1, TF_FLOAT, shape),
          call.output<float>(2, TF_FLOAT, shape)};
}

struct Adamw {
  static constexpr const char* kName = "BertCpuAdamw";
  static constexpr Names kInputs = {"weights: float", "momentum: float",
                                    "velocity: float", "gradient: float",
                                    "numbers: float"};
  static constexpr Names kOutputs = {"new_weights: float", "new_momentum: float",
                                     "new_velocity: float"};
  static constexpr Names kAttributes = {};

  static void compute(const Attributes&, Call& call) {
    const auto weights = call.input<float>(0), gradient = call.input<float>(3);
    const auto before = before_of(weights, call.input<float>(1), call.input<float>(2));
    expect(gradient.shape.count() == weights.shape.count(),
           "gradient has not a number for each weight");
    const Update update = update_of(call.input<float>(4));
    adamw(before, gradient.data, weights.shape.count(), update,
          after_of(call, weights.shape));
  }
};

struct AdamwOfRows {
  static constexpr const char* kName = "BertCpuAdamwOfRows";
  static constexpr Names kInputs = {"weights: float",  "momentum: float",
                                    "velocity: float", "values: float",
                                    "indices: int32",  "numbers: float"};
  static constexpr Names kOutputs = {"new_weights: float", "new_momentum: float",
                                     "new_velocity: float"};
  static constexpr Names kAttributes = {};

  static void compute(const Attributes&, Call& call) {
    const auto weights = call.input<float>(0), values = call.input<float>(3);
    const auto before = before_of(weights, call.input<float>(1), call.input<float>(2));
    const auto indices = call.input<int32_t>(4);
    const int64_t rows = weights.shape.rows(), columns = weights.shape.columns();
    const int64_t num_values = indices.shape.count();
    expect(weights.shape.sizes.size() == 2, "weights are no table");
    expect(values.shape.count() == num_values * columns,
           "values have not a row for each index");
    const Update update = update_of(call.input<float>(5));
    adamw_of_rows(before, values.data, indices.data, num_values, rows, columns, update,
                  after_of(call, weights.shape));
  }
};

// TensorFlow asks which operations a library has when it has loaded it.
[[maybe_unused]] const bool kIsRegistered = [] {
  if (!tensorflow().is_complete) return false;
  register_operation<Gelu>();
  register_operation<GeluGradient>();
  register_operation<AddAndNorm>();
  register_operation<AddAndNormGradient>();
  register_operation<Affine>();
  register_operation<AffineGradient>();
  register_operation<Attention>();
  register_operation<AttentionGradient>();
  register_operation<Adamw>();
  register_operation<AdamwOfRows>();
  return true;
}();

}  // namespace
}  // namespace bert_cpu
