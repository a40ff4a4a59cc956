// What preparing does most often, as a module of Python's.
#include "framed_example.h"

namespace {

PyMethodDef functions[] = {
    {"framed_example",
     reinterpret_cast<PyCFunction>(
         reinterpret_cast<void (*)()>(bert_cpu::framed_example)),
     METH_FASTCALL, "See `bert_cpu.data.framed_example`."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef_Slot slots[] = {{0, nullptr}};

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
