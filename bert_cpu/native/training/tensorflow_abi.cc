#include "tensorflow_abi.h"

#include <dlfcn.h>

namespace bert_cpu {
namespace {

TensorFlow look_up() {
  TensorFlow found;
  void* library = dlopen("libtensorflow_framework.so.2", RTLD_LAZY | RTLD_NOLOAD);
  if (!library) library = RTLD_DEFAULT;
#define BERT_CPU_LOOK_UP(result, name, arguments)                            \
  found.name = reinterpret_cast<result(*) arguments>(dlsym(library, #name)); \
  found.is_complete = found.is_complete && found.name;
  BERT_CPU_TENSORFLOW_FUNCTIONS(BERT_CPU_LOOK_UP)
#undef BERT_CPU_LOOK_UP
  return found;
}

}  // namespace

const TensorFlow& tensorflow() {
  static const TensorFlow found = look_up();
  return found;
}

}  // namespace bert_cpu
