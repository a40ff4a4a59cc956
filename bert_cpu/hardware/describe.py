"""What `bert-cpu hardware` prints: the computer, the choices, and what fits."""

import dataclasses
from typing import Any

from bert_cpu.counted import counted
from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.fit import ModelFit
from bert_cpu.hardware.memory import MemoryEstimate, format_bytes
from bert_cpu.hardware.profile import Profile


def describe_hardware(
    hardware: Hardware, profile: Profile, fits: ModelFit | None = None
) -> str:
    """Says in aligned lines what there is and how it will be used.

    Args:
        hardware: from `read_hardware`.
        profile: from `choose_profile`.
        fits: from `fit_model`, if an encoder was named.

    Returns:
        Lines of "name  value", the last of them saying what will be used and
        whether the encoder fits.
    """
    lines = {
        "processor": f"{hardware.model} ({hardware.vendor})",
        "cores": _cores(hardware),
        "instructions": " ".join(hardware.simd) or "none that are known",
        "caches": _caches(hardware),
        "memory": f"{format_bytes(hardware.memory_available)} available of "
        f"{format_bytes(hardware.memory_total)}",
        "will use": f"{profile.dtype}, {counted(profile.threads, 'thread')}, oneDNN "
        + ("on" if profile.one_dnn else "off"),
        "because": profile.why,
    }
    if fits:
        lines["encoder"] = f"{fits.encoder}, {fits.parameters:,} parameters"
        batch = f"batch size {fits.batch_size}, length {fits.length}"
        lines["training"] = _verdict(hardware, fits.training, batch)
        lines["answering"] = _verdict(
            hardware, fits.answering, f"one text, length {fits.length}"
        )
    width = max(map(len, lines)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in lines.items())


def hardware_json(
    hardware: Hardware, profile: Profile, fits: ModelFit | None = None
) -> dict[str, Any]:
    """Says the same as `describe_hardware`, for `--json`: sizes in bytes."""
    answer: dict[str, Any] = {
        "hardware": dataclasses.asdict(hardware),
        "profile": dataclasses.asdict(profile) | {"environment": profile.environment()},
    }
    if fits:
        answer["model"] = dataclasses.asdict(fits)
        for name, estimate in (
            ("training", fits.training),
            ("answering", fits.answering),
        ):
            fitting = estimate.total <= hardware.memory_available
            answer["model"][name] |= {"total": estimate.total, "fits": fitting}
    return answer


def _verdict(hardware: Hardware, estimate: MemoryEstimate, case: str) -> str:
    available = hardware.memory_available
    if estimate.total <= available:
        return f"fits: {case} needs about {estimate}"
    lacking = format_bytes(estimate.total - available)
    return f"does not fit: {lacking} too little; {case} needs about {estimate}"


def _cores(hardware: Hardware) -> str:
    return (
        f"{hardware.cores} of {hardware.host_cores} may be used, "
        f"{counted(hardware.threads_per_core, 'thread')} a core, "
        f"{counted(hardware.numa_nodes, 'memory node')}"
    )


def _caches(hardware: Hardware) -> str:
    sizes = {"L2": hardware.l2_cache, "L3": hardware.l3_cache}
    known = [f"{name} {size / (1 << 20):g} MiB" for name, size in sizes.items() if size]
    return ", ".join(known) or "not known"
