#include "graph.h"

#include <algorithm>

namespace bert_cpu {

Graph::Graph(TfLiteContext* context, const TfLiteIntArray* only) : context_(context) {
  TfLiteIntArray* plan = const_cast<TfLiteIntArray*>(only);
  if (!plan && context->GetExecutionPlan(context, &plan) != kTfLiteOk) return;
  nodes_.reserve(plan->size);
  // Asking for a node may overwrite the plan.
  const std::vector<int> indexes(plan->data, plan->data + plan->size);
  for (const int index : indexes) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, index, &node, &registration) ==
        kTfLiteOk)
      nodes_.push_back({index, static_cast<Op>(registration->builtin_code), node});
  }
  for (const GraphNode& node : nodes_)
    for (int place = 0; place < node.node->inputs->size; ++place)
      consumers_[node.input(place)].push_back(&node);
}

const std::vector<const GraphNode*>& Graph::consumers(int tensor) const {
  static const std::vector<const GraphNode*> kNone;
  const auto found = consumers_.find(tensor);
  return found == consumers_.end() ? kNone : found->second;
}

const GraphNode* Graph::next(int tensor, Op op) const {
  const auto& found = consumers(tensor);
  return found.size() == 1 && found[0]->op == op ? found[0] : nullptr;
}

const GraphNode* Graph::among(int tensor, Op op) const {
  const GraphNode* only = nullptr;
  for (const GraphNode* node : consumers(tensor)) {
    if (node->op != op) continue;
    if (only) return nullptr;
    only = node;
  }
  return only;
}

bool Graph::has_shape(int index, std::initializer_list<int> shape) const {
  if (index < 0 || !tensor(index).dims) return false;
  const TfLiteIntArray& dims = *tensor(index).dims;
  return dims.size == static_cast<int>(shape.size()) &&
         std::equal(shape.begin(), shape.end(), dims.data);
}

const float* Graph::floats(int tensor, int count) const {
  return static_cast<const float*>(constant(tensor, kTfLiteFloat32, count));
}

const int32_t* Graph::integers(int tensor, int count) const {
  return static_cast<const int32_t*>(constant(tensor, kTfLiteInt32, count));
}

const void* Graph::constant(int index, TfLiteType type, int count) const {
  if (index < 0) return nullptr;
  const TfLiteTensor& found = tensor(index);
  const bool fits = found.type == type && found.allocation_type == kTfLiteMmapRo &&
                    found.bytes == size_t(count) * 4;
  return fits ? found.data : nullptr;
}

}  // namespace bert_cpu
