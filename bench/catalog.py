"""The jobs by name, in the order in which they run."""

from bench.jobs import (
    base_step,
    cold_start,
    fine_tuning,
    float32_step,
    many_answers,
    one_answer,
    preparing,
    training_step,
)

JOBS = {
    module.JOB: module.cases
    for module in (
        float32_step,
        training_step,
        base_step,
        one_answer,
        many_answers,
        cold_start,
        preparing,
        fine_tuning,
    )
}
# What `make bench-quick` does: two minutes, and two more to make its model once.
QUICK_JOBS = ("float32 training step", "one answer", "cold start", "preparing")
# Not raced: ours alone, as what it is given grows.
GROWTH = "growth"
