"""How this machine answers, and what was measured on it, for the terminal."""

from bert_cpu.counted import counted
from bert_cpu.hardware.answering import Answering
from bert_cpu.hardware.tuned_profile import TunedProfile
from bert_cpu.native.encoder_delegate import why_not
from bert_cpu.native.training_library import why_no_training_library


def describe_tuned(
    answering: Answering, tuned: TunedProfile | None, note: str | None
) -> str:
    """Says in lines that stand under `describe_hardware`'s.

    Args:
        answering: from `choose_answering`.
        tuned, note: from `find_tuned_profile`.
    """
    lines = [
        ("answers", f"one text: {counted(answering.threads, 'thread')}"),
        (
            "",
            f"many texts: {counted(answering.instances, 'interpreter')}, "
            f"{counted(answering.threads_each, 'thread')} each",
        ),
        ("", f"int8: {_kernel()}"),
        ("trains", f"bfloat16: {_operations()}"),
    ]
    if tuned is None:
        lines.append(("measured", note or "nothing yet: `bert-cpu hardware --tune`"))
    else:
        when = tuned.measured_at.replace("T", " ").replace("+00:00", " UTC")
        lines.append(("measured", f"{when}, in {tuned.seconds:.0f} s"))
        lines += [("", finding) for finding in tuned.findings]
    return "\n".join(f"{name:<14}{value}" for name, value in lines)


def _kernel() -> str:
    reason = why_not()
    return "kernel in C++" if reason is None else f"LiteRT's own kernels, as {reason}"


def _operations() -> str:
    reason = why_no_training_library()
    return "operations in C++" if reason is None else f"TensorFlow's own, as {reason}"
