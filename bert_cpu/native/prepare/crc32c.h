// The checksum of TFRecord files, on any processor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bert_cpu {

// Table 0 has what a byte does to the checksum, table k what it does k bytes earlier.
using Crc32cTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Crc32cTables make_crc32c_tables() {
  Crc32cTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    // Castagnoli's polynomial, the lowest bit first.
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
    tables[0][byte] = crc;
  }
  for (int k = 1; k < 8; ++k)
    for (int byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 255];
    }
  return tables;
}

// CRC-32C, eight bytes a step.
inline uint32_t crc32c(const unsigned char* data, size_t size) {
  static constexpr Crc32cTables kTables = make_crc32c_tables();
  uint32_t crc = 0xFFFFFFFF;
  for (; size >= 8; size -= 8, data += 8)
    crc = kTables[7][(crc ^ data[0]) & 255] ^ kTables[6][(crc >> 8 ^ data[1]) & 255] ^
          kTables[5][(crc >> 16 ^ data[2]) & 255] ^ kTables[4][crc >> 24 ^ data[3]] ^
          kTables[3][data[4]] ^ kTables[2][data[5]] ^ kTables[1][data[6]] ^
          kTables[0][data[7]];
  for (; size; --size, ++data) crc = crc >> 8 ^ kTables[0][(crc ^ *data) & 255];
  return ~crc;
}

// As TFRecord files keep it: turned and shifted, so that files of checksums can be
// checked too.
inline uint32_t masked_crc32c(const unsigned char* data, size_t size) {
  const uint32_t crc = crc32c(data, size);
  return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

}  // namespace bert_cpu
