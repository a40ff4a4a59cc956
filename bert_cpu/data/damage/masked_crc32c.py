"""The checksum that TFRecord files keep of each record's length and of its data."""

import google_crc32c

MASK_DELTA = 0xA282EAD8


def masked_crc32c(data: bytes) -> int:
    """CRC-32C, turned and shifted so that files of checksums can be checked too.

    Reference: `tensorflow/tsl/lib/hash/crc32c.h`, `Mask`.
    """
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF
