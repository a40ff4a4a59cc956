"""Costs to test the model of scaling with: about those of MiniLM-L6 on two cores."""

from bench.scaling.costs import Costs

COSTS = Costs(
    examples=32,
    compute_seconds=0.5,
    deviation_seconds=0.02,
    update_seconds=0.03,
    table_bytes=47e6,
    slice_bytes=3e6,
    other_bytes=44e6,
    copy_seconds_per_byte=0.4e-9,
    message_seconds=50e-6,
    checkpoint_seconds=2.0,
    restart_seconds=60.0,
)
