// A reference to a Python object that is given back at the end of its scope.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace bert_cpu {

struct GiveBack {
  void operator()(PyObject* object) const { Py_DECREF(object); }
};

// Null where the call that gave it has set an exception.
using Owned = std::unique_ptr<PyObject, GiveBack>;

// Runs a function that returns a new reference; C++ has no exception for Python.
template <typename Function>
PyObject* without_exceptions(const Function& function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  } catch (const std::length_error&) {
    return PyErr_NoMemory();
  }
}

// Calls function(item) with each item of a list or of what can be made one, until it
// returns false. An item may be a number that runs Python's code, which may change the
// list: so it is held, and the list is asked for its length each time.
template <typename Function>
bool each_item(PyObject* values, const Function& function) {
  const Owned items(PySequence_Fast(values, "a list was expected"));
  if (!items) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
    const Owned item(Py_NewRef(PySequence_Fast_GET_ITEM(items.get(), i)));
    if (!function(item.get())) return false;
  }
  return true;
}

}  // namespace bert_cpu
