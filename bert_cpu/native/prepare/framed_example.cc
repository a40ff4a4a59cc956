#include "framed_example.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "crc32c.h"

namespace bert_cpu {
namespace {

// Tags of fields whose value has a length before it.
constexpr char kFirst = 0x0a, kSecond = 0x12, kThird = 0x1a;

// Seven bits a byte, the lowest first.
void put_varint(uint64_t number, std::string& out) {
  for (; number > 127; number >>= 7) out.push_back(static_cast<char>(number | 128));
  out.push_back(static_cast<char>(number));
}

size_t varint_size(uint64_t number) {
  size_t size = 1;
  for (; number > 127; number >>= 7) ++size;
  return size;
}

size_t sized(size_t size) { return 1 + varint_size(size) + size; }

void put_fixed(uint64_t number, int num_bytes, std::string& out) {
  for (; num_bytes; --num_bytes, number >>= 8) out.push_back(static_cast<char>(number));
}

bool put_int(PyObject* number, std::string& out) {
  const long long value = PyLong_AsLongLong(number);
  if (value == -1 && PyErr_Occurred()) return false;
  put_varint(static_cast<uint64_t>(value), out);
  return true;
}

bool put_float(PyObject* number, std::string& out) {
  const double value = PyFloat_AsDouble(number);
  if (value == -1 && PyErr_Occurred()) return false;
  const float rounded = static_cast<float>(value);  // Too large is infinite.
  uint32_t bits;
  std::memcpy(&bits, &rounded, sizeof bits);
  put_fixed(bits, sizeof bits, out);
  return true;
}

bool view_text(PyObject* text, std::string_view& view) {
  Py_ssize_t size;
  const char* bytes = PyUnicode_AsUTF8AndSize(text, &size);
  if (bytes) view = {bytes, static_cast<size_t>(size)};
  return bytes;
}

// A field of `Feature` by kind, and its values as they stand in its list.
struct Values {
  char tag;
  std::string content;

  bool read(char kind, PyObject* value) {
    const auto one_int = [&](PyObject* number) { return put_int(number, content); };
    const auto one_float = [&](PyObject* number) { return put_float(number, content); };
    std::string_view text;
    content.clear();
    switch (kind) {
      case 'i':
        tag = kThird;
        return one_int(value);
      case 'I':
        tag = kThird;
        return each_item(value, one_int);
      case 'f':
        tag = kSecond;
        return one_float(value);
      case 'F':
        tag = kSecond;
        return each_item(value, one_float);
      case 't':
        tag = kFirst;
        if (!view_text(value, text)) return false;
        content = text;
        return true;
    }
    PyErr_Format(PyExc_ValueError, "no kind of values: '%c'", kind);
    return false;
  }
};

// An entry of the map from names to features.
void put_entry(std::string_view name, const Values& values, std::string& out) {
  const std::string& content = values.content;
  // Of no numbers there is no list; a text is an item, also an empty one.
  const bool has_items = !content.empty() || values.tag == kFirst;
  const size_t list = has_items ? sized(content.size()) : 0;
  const size_t feature = sized(list);
  out.push_back(kFirst);
  put_varint(sized(name.size()) + sized(feature), out);
  out.push_back(kFirst);
  put_varint(name.size(), out);
  out.append(name);
  out.push_back(kSecond);
  put_varint(feature, out);
  out.push_back(values.tag);
  put_varint(list, out);
  if (!has_items) return;
  out.push_back(kFirst);
  put_varint(content.size(), out);
  out.append(content);
}

uint32_t checksum(const std::string& bytes, size_t start) {
  return masked_crc32c(reinterpret_cast<const unsigned char*>(bytes.data()) + start,
                       bytes.size() - start);
}

// What a TFRecord file has: the length, its checksum, the record, its checksum.
PyObject* framed(const std::string& entries) {
  std::string out;
  out.reserve(entries.size() + 32);
  put_fixed(sized(entries.size()), 8, out);
  put_fixed(checksum(out, 0), 4, out);
  out.push_back(kFirst);
  put_varint(entries.size(), out);
  out.append(entries);
  put_fixed(checksum(out, 12), 4, out);
  return PyBytes_FromStringAndSize(out.data(), static_cast<Py_ssize_t>(out.size()));
}

PyObject* make(PyObject* names, std::string_view kinds, PyObject* values) {
  std::string entries;
  Values read;
  for (size_t i = 0; i < kinds.size(); ++i) {
    std::string_view name;
    if (!view_text(PyTuple_GET_ITEM(names, i), name) ||
        !read.read(kinds[i], PyTuple_GET_ITEM(values, i)))
      return nullptr;
    put_entry(name, read, entries);
  }
  return framed(entries);
}

}  // namespace

PyObject* framed_example(PyObject*, PyObject* const* arguments,
                         Py_ssize_t num_arguments) {
  std::string_view kinds;
  if (num_arguments != 3 || !PyTuple_Check(arguments[0]) ||
      !PyUnicode_Check(arguments[1]) || !PyTuple_Check(arguments[2])) {
    PyErr_SetString(PyExc_TypeError, "a tuple, a str and a tuple were expected");
    return nullptr;
  }
  if (!view_text(arguments[1], kinds)) return nullptr;
  const Py_ssize_t size = static_cast<Py_ssize_t>(kinds.size());
  if (PyTuple_GET_SIZE(arguments[0]) != size || PyTuple_GET_SIZE(arguments[2]) != size) {
    PyErr_SetString(PyExc_ValueError, "each name must have a kind and a value");
    return nullptr;
  }
  return without_exceptions([&] { return make(arguments[0], kinds, arguments[2]); });
}

}  // namespace bert_cpu
