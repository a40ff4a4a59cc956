"""What a command was given, by the names of the parameters that take it."""

import dataclasses
from typing import Any


def given_to(command: Any) -> dict[str, Any]:
    """The fields of a command, which its `run` in `commands` takes by name.

    `json` is `as_json` there, where the library of that name is used.
    """
    given = {f.name: getattr(command, f.name) for f in dataclasses.fields(command)}
    if "json" in given:
        given["as_json"] = given.pop("json")
    return given
