// The ids of texts' chunks, remembered.
#pragma once

#include "owned.h"

namespace bert_cpu {

// ChunkMemory(most, longest): see `PlainChunkMemory` in `bert_cpu/text/chunk_memory.py`,
// which does the same in Python. A new reference to the type.
PyObject* make_chunk_memory_type(PyObject* module);

}  // namespace bert_cpu
