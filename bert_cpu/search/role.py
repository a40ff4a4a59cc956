"""What this process is in a sweep over several: Keras Tuner's variables say it."""

from collections.abc import Mapping
from typing import Literal

from bert_cpu.errors import UserError

Role = Literal["alone", "chief", "worker"]
_NAMES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def read_role(environment: Mapping[str, str]) -> Role:
    """Whether this process asks its own oracle, is the others', or asks the chief's.

    Args:
        environment: of this process. With `KERASTUNER_ORACLE_IP` and
            `KERASTUNER_ORACLE_PORT` the process whose `KERASTUNER_TUNER_ID` has
            "chief" in it holds the oracle, and all others run trials.

    Raises:
        UserError: if only some of them are set, or the port is none.
    """
    given = {name: environment[name] for name in _NAMES if environment.get(name)}
    if "KERASTUNER_ORACLE_IP" not in given and "KERASTUNER_ORACLE_PORT" not in given:
        return "alone"
    for name in _NAMES:
        if name not in given:
            raise UserError(
                f"{', '.join(given)} is set, but {name} is not. Keras Tuner needs all "
                f"of {', '.join(_NAMES)}; set it, or none of them."
            )
    port = given["KERASTUNER_ORACLE_PORT"]
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise UserError(
            f"KERASTUNER_ORACLE_PORT is '{port}', but must be a port from 1 to 65535."
        )
    return "chief" if "chief" in given["KERASTUNER_TUNER_ID"] else "worker"
