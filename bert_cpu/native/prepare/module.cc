// What preparing does most often, as a module of Python's.
#include "chunk_memory.h"
#include "framed_example.h"

namespace {

int fill(PyObject* module) {
  const bert_cpu::Owned type(bert_cpu::make_chunk_memory_type(module));
  return type ? PyModule_AddObjectRef(module, "ChunkMemory", type.get()) : -1;
}

PyMethodDef functions[] = {
    {"framed_example",
     reinterpret_cast<PyCFunction>(
         reinterpret_cast<void (*)()>(bert_cpu::framed_example)),
     METH_FASTCALL, "See `bert_cpu.data.framed_example`."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(fill)}, {0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "_prepare",
                          "What preparing does most often.",
                          0,
                          functions,
                          slots,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__prepare() { return PyModuleDef_Init(&definition); }
