// A LiteRT delegate that computes the encoder of a converted int8 model.
//
// LiteRT loads it by `tflite_plugin_create_delegate`. It claims the chain of blocks
// that `find_encoder` finds in each signature, and leaves the rest. Weights are packed
// when the file is opened, once for all signatures of all interpreters of a process.
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "encoder.h"
#include "find_encoder.h"
#include "graph.h"
#include "shared_matrices.h"

namespace bert_cpu {
namespace {

Int8Matrix matrix_of(const Graph& graph, const FoundMatrix& found) {
  const TfLiteTensor& weights = graph.tensor(found.weights);
  const auto* params =
      static_cast<const TfLiteAffineParams*>(weights.quantization.params);
  return {static_cast<const int8_t*>(weights.data), params->scale->data,
          graph.floats(found.bias, found.out), found.out, found.in};
}

// A sequence has 512 tokens at most, and a thread takes two or more.
constexpr int kMostThreads = 256;

// Tells matrices of a file apart: by the place of the weights, which all signatures
// share, and by the numbers. The converter keeps equal weights once, though their
// scales or biases differ.
using Content = std::pair<const int8_t*, std::string>;

Content content_of(const Int8Matrix& matrix) {
  return {matrix.weights, matrix.numbers()};
}

struct State {
  explicit State(int threads) : team(threads) {}

  // Packs those that no signature has packed yet, side by side.
  void pack(const Graph& graph, const std::vector<FoundMatrix>& found) {
    struct Job {
      Int8Matrix matrix;
      std::shared_ptr<const PackedMatrix>* packed;
    };
    std::vector<Job> jobs;
    for (const FoundMatrix& each : found) {
      const Int8Matrix matrix = matrix_of(graph, each);
      const auto [place, is_new] = matrices.try_emplace(content_of(matrix));
      if (is_new) jobs.push_back({matrix, &place->second});
    }
    Shared work;
    std::atomic<bool> fails{false};
    team.run([&](int) {
      work.each(static_cast<int>(jobs.size()), 1, [&](int i, int) {
        // Whoever waits for this one must not wait for ever.
        try {
          *jobs[i].packed = share_matrix(jobs[i].matrix);
        } catch (const std::bad_alloc&) {
          fails = true;
        }
      });
    });
    if (!fails) return;
    matrices.clear();
    throw std::bad_alloc();
  }

  std::shared_ptr<const PackedMatrix> matrix(const Graph& graph,
                                             const FoundMatrix& found) {
    return matrices.at(content_of(matrix_of(graph, found)));
  }

  TfLiteDelegate delegate{};
  ThreadTeam team;
  std::atomic<pid_t> runs_in{0};  // The process in which an encoder is being run.
  const GeluTable gelu{false}, gelu_by_tanh{true};
  std::map<Content, std::shared_ptr<const PackedMatrix>> matrices;
};

// Takes the place of one signature's blocks.
class Kernel {
 public:
  Kernel(TfLiteContext* context, const TfLiteDelegateParams& params)
      : state_(*static_cast<State*>(params.delegate->data_)) {
    const Graph graph(context, params.nodes_to_replace);
    const auto found = find_encoder(graph);
    if (!found || found->nodes.size() != graph.nodes().size()) return;
    const FoundNorm& last = found->blocks.back().output_norm;
    for (int i = 0; i < params.output_tensors->size; ++i) {
      const int tensor = params.output_tensors->data[i];
      if (tensor == last.scaled)
        scaled_ = tensor;
      else if (tensor == last.normed)
        normed_ = tensor;
      else
        return;
    }
    found_ = *found;
    build(graph);
  }

  bool is_whole() const { return encoder_ != nullptr; }

  // False if it was not run: in another thread it is being run already.
  bool run(TfLiteContext* context) {
    // By its number, since a copy of the process has none of its threads.
    const pid_t process = getpid();
    if (state_.runs_in.exchange(process) == process) {
      context->ReportError(context,
                           "This interpreter is answering in another thread. Give each "
                           "thread one of its own.");
      return false;
    }
    const auto data = [&](int tensor) {
      return tensor < 0 ? nullptr : static_cast<float*>(context->tensors[tensor].data);
    };
    encoder_->run(data(found_.states), found_.first_norm ? nullptr : data(found_.read),
                  data(found_.penalty), data(scaled_), data(normed_));
    state_.runs_in = 0;
    return true;
  }

 private:
  void build(const Graph& graph) {
    std::vector<FoundMatrix> matrices;
    for (const FoundBlock& found : found_.blocks) {
      for (const FoundMatrix& each :
           {found.query ? *found.query : found.projections, found.attention_output,
            found.intermediate, found.output})
        matrices.push_back(each);
    }
    state_.pack(graph, matrices);
    const auto norm = [&](const FoundNorm& each) {
      return LayerNorm{graph.floats(each.gamma, found_.hidden_size),
                       graph.floats(each.beta, found_.hidden_size), each.epsilon};
    };
    std::optional<LayerNorm> first_norm;
    if (found_.first_norm) first_norm = norm(*found_.first_norm);
    std::vector<Block> blocks;
    int normed = found_.first_norm ? found_.first_norm->normed : -1;
    for (const FoundBlock& found : found_.blocks) {
      const auto reads = [](int tensor, int normed_tensor) {
        return tensor == normed_tensor ? Reads::kNormed : Reads::kScaled;
      };
      Block block{};
      if (found.query) {
        block.query = state_.matrix(graph, *found.query);
        block.past = matrix_of(graph, found.projections);
      } else {
        block.projections = state_.matrix(graph, found.projections);
      }
      block.attention_output = state_.matrix(graph, found.attention_output);
      block.attention_norm = norm(found.attention_norm);
      block.intermediate = state_.matrix(graph, found.intermediate);
      block.gelu = found.gelu_is_approximate ? &state_.gelu_by_tanh : &state_.gelu;
      block.output = state_.matrix(graph, found.output);
      block.output_norm = norm(found.output_norm);
      block.projections_read = reads(found.projections.input, normed);
      block.query_reads = Reads::kScaled;
      block.intermediate_reads =
          reads(found.intermediate.input, found.attention_norm.normed);
      normed = found.output_norm.normed;
      blocks.push_back(std::move(block));
    }
    encoder_ = std::make_unique<Encoder>(
        EncoderShape{found_.length, found_.hidden_size, found_.heads, found_.head_size,
                     found_.intermediate_size},
        first_norm, std::move(blocks), &state_.team);
  }

  State& state_;
  FoundEncoder found_{};
  int scaled_ = -1, normed_ = -1;
  std::unique_ptr<Encoder> encoder_;
};

// No exception may leave these, which C calls.
void* init(TfLiteContext* context, const char* buffer, size_t) {
  try {
    return new Kernel(context, *reinterpret_cast<const TfLiteDelegateParams*>(buffer));
  } catch (const std::exception&) {  // Out of memory: `prepare` says so.
    return nullptr;
  }
}

void free_kernel(TfLiteContext*, void* kernel) { delete static_cast<Kernel*>(kernel); }

TfLiteStatus prepare(TfLiteContext*, TfLiteNode* node) {
  const auto* kernel = static_cast<const Kernel*>(node->user_data);
  return kernel && kernel->is_whole() ? kTfLiteOk : kTfLiteError;
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  return static_cast<Kernel*>(node->user_data)->run(context) ? kTfLiteOk : kTfLiteError;
}

TfLiteStatus claim(TfLiteContext* context, TfLiteDelegate* delegate) try {
  const auto found = find_encoder(Graph(context));
  if (!found) return kTfLiteOk;
  // A TfLiteIntArray: their number, and then they.
  std::vector<int> nodes{static_cast<int>(found->nodes.size())};
  nodes.insert(nodes.end(), found->nodes.begin(), found->nodes.end());
  TfLiteRegistration registration{};
  registration.init = init;
  registration.free = free_kernel;
  registration.prepare = prepare;
  registration.invoke = invoke;
  registration.custom_name = "BertCpuEncoder";
  registration.version = 1;
  return context->ReplaceNodeSubsetsWithDelegateKernels(
      context, registration, reinterpret_cast<const TfLiteIntArray*>(nodes.data()),
      delegate);
} catch (const std::exception&) {
  return kTfLiteError;
}

}  // namespace
}  // namespace bert_cpu

extern "C" {

// Options: "threads", of one sequence.
__attribute__((visibility("default"))) TfLiteDelegate* tflite_plugin_create_delegate(
    char** keys, char** values, size_t count, void (*report_error)(const char*)) try {
  int threads = 1;
  for (size_t i = 0; i < count; ++i)
    if (std::string(keys[i]) == "threads") threads = std::atoi(values[i]);
  if (threads < 1) {
    if (report_error) report_error("`threads` must be 1 or more.");
    return nullptr;
  }
  auto* state = new bert_cpu::State(std::min(threads, bert_cpu::kMostThreads));
  state->delegate.data_ = state;
  state->delegate.Prepare = bert_cpu::claim;
  // LiteRT's own kernels may still be put in place of what is left.
  state->delegate.flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  return &state->delegate;
} catch (const std::exception& error) {
  if (report_error) report_error(error.what());
  return nullptr;
}

__attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(
    TfLiteDelegate* delegate) {
  delete static_cast<bert_cpu::State*>(delegate->data_);
}

}  // extern "C"
