// Inputs and outputs of an operation, and what to do where one is wrong.
#pragma once

#include <functional>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "tensorflow_abi.h"

namespace bert_cpu {

// What one call of an operation reads and writes. Its mistakes are std::exception.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context)
      : context_(context), status_(tensorflow().TF_NewStatus()) {}
  Call(const Call&) = delete;
  ~Call() {
    for (TF_Tensor* tensor : held_) tensorflow().TF_DeleteTensor(tensor);
    tensorflow().TF_DeleteStatus(status_);
  }

  struct Shape {
    std::vector<int64_t> sizes;

    int64_t count() const { return product(sizes.size()); }
    int64_t columns() const { return sizes.empty() ? 1 : sizes.back(); }
    // Of all axes but the last one.
    int64_t rows() const { return sizes.empty() ? 1 : product(sizes.size() - 1); }

   private:
    int64_t product(size_t axes) const {
      return std::accumulate(sizes.begin(), sizes.begin() + axes, int64_t{1},
                             std::multiplies<int64_t>());
    }
  };

  template <typename T>
  struct Input {
    const T* data;
    Shape shape;
  };

  template <typename T>
  Input<T> input(int index) {
    const TensorFlow& tf = tensorflow();
    TF_Tensor* tensor = nullptr;
    tf.TF_GetInput(context_, index, &tensor, status_);
    check();
    held_.push_back(tensor);
    Shape shape;
    for (int axis = 0; axis < tf.TF_NumDims(tensor); ++axis)
      shape.sizes.push_back(tf.TF_Dim(tensor, axis));
    return {static_cast<const T*>(tf.TF_TensorData(tensor)), shape};
  }

  template <typename T>
  T* output(int index, TF_DataType type, const Shape& shape) {
    const TensorFlow& tf = tensorflow();
    TF_Tensor* tensor = tf.TF_AllocateOutput(context_, index, type, shape.sizes.data(),
                                             static_cast<int>(shape.sizes.size()),
                                             shape.count() * sizeof(T), status_);
    check();
    held_.push_back(tensor);
    return static_cast<T*>(tf.TF_TensorData(tensor));
  }

  // What TensorFlow itself said, if it did, tells more than `why`.
  void fail(TF_Code code, const char* why) {
    if (tensorflow().TF_GetCode(status_) == TF_OK)
      tensorflow().TF_SetStatus(status_, code, why);
    tensorflow().TF_OpKernelContext_Failure(context_, status_);
  }

 private:
  void check() {
    if (tensorflow().TF_GetCode(status_) != TF_OK)
      throw std::runtime_error("TensorFlow gave no tensor");
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> held_;
};

inline void expect(bool is_so, const char* what) {
  if (!is_so) throw std::invalid_argument(what);
}

}  // namespace bert_cpu
