"""What tests do to files that were whole."""

import json


def flip(path, offset):
    """Changes one bit of the byte at an offset, which may count from the end."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


def edit_json(path, **changes):
    """Changes fields of an object; ... takes one out."""
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    content = {key: value for key, value in content.items() if value is not ...}
    path.write_text(json.dumps(content), encoding="utf-8")
