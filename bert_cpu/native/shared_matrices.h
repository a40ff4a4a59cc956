// One copy of equal matrices in a process, however many interpreters multiply by them.
//
// Cores that share a cache then find there what another one has read: the weights of a
// small encoder fit in it once, but not once a core.
#pragma once

#include <memory>

#include "packed_matrix.h"

namespace bert_cpu {

// As the constructor of `PackedMatrix` would make it, unless one that is the same bit
// by bit is in use already. Any number of threads may ask at once.
std::shared_ptr<const PackedMatrix> share_matrix(const Int8Matrix& matrix);

}  // namespace bert_cpu
