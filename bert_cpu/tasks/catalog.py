"""The tasks by name. A new task is one new file and one new line here."""

from types import ModuleType

from bert_cpu.tasks import classify

# Each module has `HEAD_NAMES`, `build`, `losses` and `metrics`.
TASKS: dict[str, ModuleType] = {"classify": classify}
