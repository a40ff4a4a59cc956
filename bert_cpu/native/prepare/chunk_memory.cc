#include "chunk_memory.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "word_pieces.h"

namespace bert_cpu {
namespace {

using Ids = std::vector<int32_t>;
constexpr long kLargestId = std::numeric_limits<int32_t>::max();

// BERT's normalizer makes a space of the last three.
bool is_space(char letter) {
  return letter == ' ' || letter == '\n' || letter == '\t' || letter == '\r';
}

struct Memory {
  size_t most, longest;
  WordPieces words;  // Without a vocabulary, all new chunks are asked for.
  std::unordered_map<std::string, Ids> known;

  void keep(const std::string& chunk, Ids ids) {
    if (chunk.size() <= longest) known.try_emplace(chunk, std::move(ids));
  }
};

struct ChunkMemory {
  PyObject_HEAD
  Memory* memory;
};

// Texts cut at spaces: the ids of known chunks, and ~place of those that are new.
struct Reading {
  Ids parts;
  std::vector<size_t> ends;  // Of each text, in `parts`.
  std::unordered_map<std::string, int32_t> places;
  Owned new_chunks{PyList_New(0)};  // str, in the order of their places.

  bool cut(PyObject* text, Memory& memory) {
    Py_ssize_t size;
    const char* bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (!bytes) return false;
    const char* const end = bytes + size;
    std::string chunk;
    for (const char* start = bytes; start < end; ++start) {
      const char* const space = std::find_if(start, end, is_space);
      chunk.assign(start, space);
      if (!chunk.empty() && !add(chunk, memory)) return false;
      start = space;
    }
    ends.push_back(parts.size());
    return true;
  }

  bool add(const std::string& chunk, Memory& memory) {
    if (const auto found = memory.known.find(chunk); found != memory.known.end()) {
      parts.insert(parts.end(), found->second.begin(), found->second.end());
      return true;
    }
    if (Ids ids; !memory.words.vocabulary.empty() && memory.words.read(chunk, ids)) {
      parts.insert(parts.end(), ids.begin(), ids.end());
      memory.keep(chunk, std::move(ids));
      return true;
    }
    const auto [found, is_new] =
        places.try_emplace(chunk, static_cast<int32_t>(places.size()));
    parts.push_back(~found->second);
    if (!is_new) return true;
    const Owned copy(PyUnicode_DecodeUTF8(
        chunk.data(), static_cast<Py_ssize_t>(chunk.size()), "strict"));
    return copy && PyList_Append(new_chunks.get(), copy.get()) == 0;
  }
};

bool read_id(PyObject* value, int32_t& id) {
  const long number = PyLong_AsLong(value);
  if (number == -1 && PyErr_Occurred()) return false;
  if (number < 0 || number > kLargestId) {
    PyErr_Format(PyExc_ValueError, "no token has the id %ld", number);
    return false;
  }
  id = static_cast<int32_t>(number);
  return true;
}

bool read_ids(PyObject* values, Ids& ids) {
  return each_item(values,
                   [&](PyObject* value) { return read_id(value, ids.emplace_back()); });
}

// Asks for the ids of new chunks: one list for each.
bool learn(PyObject* function, const Reading& reading, std::vector<Ids>& learned) {
  const Owned answer(PyObject_CallOneArg(function, reading.new_chunks.get()));
  if (!answer || !each_item(answer.get(), [&](PyObject* values) {
        return read_ids(values, learned.emplace_back());
      }))
    return false;
  if (learned.size() == reading.places.size()) return true;
  PyErr_Format(PyExc_ValueError, "%zu chunks have %zu lists of ids",
               reading.places.size(), learned.size());
  return false;
}

PyObject* list_of(const int32_t* begin, const int32_t* end,
                  const std::vector<Ids>& learned) {
  size_t size = 0;
  for (const int32_t* part = begin; part < end; ++part)
    size += *part < 0 ? learned[~*part].size() : 1;
  Owned list(PyList_New(static_cast<Py_ssize_t>(size)));
  if (!list) return nullptr;
  Py_ssize_t place = 0;
  const auto put = [&](int32_t id) {
    PyObject* number = PyLong_FromLong(id);
    if (number) PyList_SET_ITEM(list.get(), place++, number);
    return number != nullptr;
  };
  for (const int32_t* part = begin; part < end; ++part) {
    if (*part >= 0) {
      if (!put(*part)) return nullptr;
      continue;
    }
    for (const int32_t id : learned[~*part])
      if (!put(id)) return nullptr;
  }
  return list.release();
}

PyObject* lists_of(const Reading& reading, const std::vector<Ids>& learned) {
  const size_t size = reading.ends.size();
  Owned lists(PyList_New(static_cast<Py_ssize_t>(size)));
  if (!lists) return nullptr;
  size_t start = 0;
  for (size_t i = 0; i < size; ++i) {
    const int32_t* parts = reading.parts.data();
    PyObject* list = list_of(parts + start, parts + reading.ends[i], learned);
    if (!list) return nullptr;
    PyList_SET_ITEM(lists.get(), static_cast<Py_ssize_t>(i), list);
    start = reading.ends[i];
  }
  return lists.release();
}

void keep(const Reading& reading, std::vector<Ids>& learned, Memory& memory) {
  if (memory.known.size() + learned.size() > memory.most) {
    memory.known.clear();
    return;
  }
  for (const auto& [chunk, place] : reading.places)
    memory.keep(chunk, std::move(learned[place]));
}

// While `function` runs, and lets other threads run, nothing here points into the
// memory, which they may change.
PyObject* read(PyObject* self, PyObject* arguments) {
  PyObject *texts, *function;
  if (!PyArg_ParseTuple(arguments, "O!O", &PyList_Type, &texts, &function))
    return nullptr;
  Memory& memory = *reinterpret_cast<ChunkMemory*>(self)->memory;
  return without_exceptions([&]() -> PyObject* {
    Reading reading;
    std::vector<Ids> learned;
    if (!reading.new_chunks ||
        !each_item(texts,
                   [&](PyObject* text) { return reading.cut(text, memory); }) ||
        !learn(function, reading, learned))
      return nullptr;
    Owned lists(lists_of(reading, learned));
    if (lists) keep(reading, learned, memory);
    return lists.release();
  });
}

bool read_vocabulary(PyObject* vocabulary, WordPieces& words) {
  PyObject *word, *value;
  for (Py_ssize_t place = 0; PyDict_Next(vocabulary, &place, &word, &value);) {
    // Numbers of other classes could run Python's code, which may change it.
    int32_t id;
    if (!PyLong_CheckExact(value)) {
      PyErr_SetString(PyExc_TypeError, "an id must be an int");
      return false;
    }
    const char* bytes = PyUnicode_AsUTF8(word);
    if (!bytes || !read_id(value, id)) return false;
    words.vocabulary.emplace(bytes, id);
  }
  return true;
}

bool read_own(PyObject* own, WordPieces& words) {
  return each_item(own, [&](PyObject* word) {
    const char* bytes = PyUnicode_AsUTF8(word);
    if (bytes) words.own.emplace_back(bytes);
    return bytes != nullptr;
  });
}

bool read_words(PyObject* given, WordPieces& words) {
  PyObject *vocabulary, *unknown, *own;
  const char* prefix;
  Py_ssize_t longest;
  int lowers;
  if (!PyArg_ParseTuple(given, "O!OsnpO", &PyDict_Type, &vocabulary, &unknown, &prefix,
                        &longest, &lowers, &own) ||
      !read_id(unknown, words.unknown))
    return false;
  words.prefix = prefix;
  words.longest = static_cast<size_t>(std::max<Py_ssize_t>(longest, 0));
  words.lowers = lowers;
  return read_vocabulary(vocabulary, words) && read_own(own, words);
}

void free_memory(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  delete reinterpret_cast<ChunkMemory*>(self)->memory;
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
  Py_ssize_t most, longest;
  PyObject* words = nullptr;
  if (!PyArg_ParseTuple(arguments, "nn|O!", &most, &longest, &PyTuple_Type, &words))
    return nullptr;
  if (most < 0 || longest < 0) {
    PyErr_SetString(PyExc_ValueError, "0 or more were expected");
    return nullptr;
  }
  return without_exceptions([&]() -> PyObject* {
    Owned self(type->tp_alloc(type, 0));  // With no memory yet.
    if (!self) return nullptr;
    auto& memory = reinterpret_cast<ChunkMemory*>(self.get())->memory;
    memory = new Memory{static_cast<size_t>(most), static_cast<size_t>(longest), {}, {}};
    if (words && !read_words(words, memory->words)) return nullptr;
    return self.release();
  });
}

Py_ssize_t num_known(PyObject* self) {
  const Memory& memory = *reinterpret_cast<ChunkMemory*>(self)->memory;
  return static_cast<Py_ssize_t>(memory.known.size());
}

}  // namespace

PyObject* make_chunk_memory_type(PyObject* module) {
  static PyMethodDef methods[] = {
      {"read", read, METH_VARARGS, "See `PlainChunkMemory.read`."},
      {nullptr, nullptr, 0, nullptr}};
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(free_memory)},
      {Py_tp_methods, methods},
      {Py_sq_length, reinterpret_cast<void*>(num_known)},
      {0, nullptr}};
  static PyType_Spec spec = {"bert_cpu.native._prepare.ChunkMemory",
                             sizeof(ChunkMemory), 0, Py_TPFLAGS_DEFAULT, slots};
  return PyType_FromModuleAndSpec(module, &spec, nullptr);
}

}  // namespace bert_cpu
