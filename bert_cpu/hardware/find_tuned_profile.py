"""The profile that was measured for this machine, if there is one that holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.machine import describe_machine
from bert_cpu.hardware.tuned_profile_location import tuned_profile_location

if TYPE_CHECKING:
    from bert_cpu.hardware.tuned_profile import TunedProfile


def find_tuned_profile(
    hardware: Hardware, path: Path | None = None, machine: dict[str, Any] | None = None
) -> tuple["TunedProfile | None", str | None]:
    """Reads it, unless it is of another machine, other limits or other libraries.

    Without a profile this costs one look at the disk, so that every command can
    afford it.

    Args:
        hardware: from `read_hardware`.
        path: of the file. Default: `tuned_profile_location()`.
        machine: as `describe_machine` gives it, which is the default.

    Returns:
        The profile, or None; and if there is one that does not hold, one line for the
        user that says why it is ignored.
    """
    try:
        path = path or tuned_profile_location()
    except UserError:  # Without a home, nothing was measured either.
        return None, None
    try:
        if not path.exists():
            return None, None
        # Slow to import, and most machines have none.
        from bert_cpu.hardware.tuned_profile import TunedProfile

        profile = TunedProfile.load(path)
    except UserError as error:
        return None, f"The measured profile is ignored: {error}"
    except OSError as error:
        return None, (
            f"The measured profile is ignored: '{path}' can't be read "
            f"({error.strerror}). Mend it, or delete it."
        )
    machine = machine or describe_machine(hardware)
    for name, value in machine.items():
        measured = profile.machine.get(name)
        if measured != value:
            return None, (
                f"The measured profile '{path}' is ignored: it was measured with "
                f"{_spoken(name, measured)}, but here are {_spoken(name, value)}. "
                "Measure again with `bert-cpu hardware --tune`, or delete it."
            )
    return profile, None


def _spoken(name: str, value: Any) -> str:
    if isinstance(value, dict):
        value = " ".join(f"{key} {version}" for key, version in value.items())
    return f"{name.replace('_', ' ')} {'none' if value is None else value}"
