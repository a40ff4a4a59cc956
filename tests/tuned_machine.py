"""A machine, and a profile that was measured on it."""

from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.tuned_profile import (
    TunedAnswering,
    TunedProfile,
    TunedTraining,
)

HARDWARE = Hardware(
    "A Processor", "A Vendor", 8, 64, 2, 1, ("avx512_bf16",), 1 << 34, 1 << 33, 0, 0
)
MACHINE = {
    "processor": "A Processor",
    "instructions": "avx512_bf16",
    "threads_per_core": 2,
    "cores": 8,
    "cpu_limit": 7.5,
    "memory_limit": None,
    "libraries": {"ai_edge_litert": "2.3.0"},
}
WHY = "bfloat16 is refused: its steps are 0.70 times as fast as float32's here"
TUNED = TunedProfile(
    machine=MACHINE,
    measured_at="2026-01-02T03:04:05+00:00",
    seconds=41.3,
    training=TunedTraining("float32", 4, WHY),
    answering=TunedAnswering(2, 4, 2, True, True),
    findings=("Training: float32, 4 threads.", "int8 is refused."),
    measurements=({"what": "step", "median": 1.5},),
)
