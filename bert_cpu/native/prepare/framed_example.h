// A `tf.train.Example` to the bytes of its record.
#pragma once

#include "owned.h"

namespace bert_cpu {

// framed_example(names, kinds, values): see `bert_cpu/data/framed_example.py`, which
// does the same in Python.
PyObject* framed_example(PyObject* module, PyObject* const* arguments,
                         Py_ssize_t num_arguments);

}  // namespace bert_cpu
