"""A .tflite model with one of its signatures, and without the others."""

import io
import struct

# The places of fields in the tables of the format, by
# https://github.com/google-ai-edge/LiteRT/blob/main/tflite/schema/schema.fbs
_SUBGRAPHS, _SIGNATURES = 2, 7  # Model
_KEY, _SUBGRAPH_INDEX = 2, 4  # SignatureDef


def keep_one_signature(content: io.BytesIO, signature: str) -> bytes | None:
    """Turns a model into one that was converted with one signature only.

    LiteRT prepares all signatures of a model when it is opened, and packs the weights
    anew for each, which takes longer than the answer to a text. Here two lists of the
    file are cut to one entry; the rest, weights included, is as in the file.

    Args:
        content: of a .tflite file that may be trusted, such as one whose hash was
            checked. It is changed, and of no use afterwards.
        signature: its name.

    Returns:
        The model, to be opened in place of the file. None if it can't be cut so: it
        has no such signature, or graphs beside those of its signatures.
    """
    try:
        with content.getbuffer() as buffer:
            if not _cut(buffer, signature.encode()):
                return None
    except struct.error:  # An offset leads out of the file.
        return None
    return content.getvalue()


def _cut(buffer: memoryview, signature: bytes) -> bool:
    model = _target(buffer, 0)
    subgraphs = _target(buffer, _field(buffer, model, _SUBGRAPHS))
    signatures = _target(buffer, _field(buffer, model, _SIGNATURES))
    number = _number(buffer, signatures)
    if number != _number(buffer, subgraphs):
        return False
    for entry in range(signatures + 4, signatures + 4 + 4 * number, 4):
        table = _target(buffer, entry)
        key = _target(buffer, _field(buffer, table, _KEY))
        if buffer[key + 4 : key + 4 + _number(buffer, key)] == signature:
            break
    else:
        return False
    index = _field(buffer, table, _SUBGRAPH_INDEX)
    # What is not written is 0.
    chosen = _number(buffer, index) if index else 0
    subgraph = _target(buffer, subgraphs + 4 + 4 * chosen)
    for vector, only in ((subgraphs, subgraph), (signatures, table)):
        _write(buffer, vector, 1)
        _write(buffer, vector + 4, only - (vector + 4))
    if index:
        _write(buffer, index, 0)
    return True


def _number(buffer: memoryview, place: int) -> int:
    return struct.unpack_from("<I", buffer, place)[0]


def _write(buffer: memoryview, place: int, number: int) -> None:
    struct.pack_into("<I", buffer, place, number)


def _target(buffer: memoryview, place: int) -> int:
    """Where the offset at `place` leads: to a table, a vector or a string."""
    return place + _number(buffer, place)


def _field(buffer: memoryview, table: int, field: int) -> int:
    """Where a field of a table is; 0 if it is not written."""
    (back,) = struct.unpack_from("<i", buffer, table)
    places = table - back
    (size,) = struct.unpack_from("<H", buffer, places)
    if 4 + 2 * field >= size:
        return 0
    (offset,) = struct.unpack_from("<H", buffer, places + 4 + 2 * field)
    return table + offset if offset else 0
