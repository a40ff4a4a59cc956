"""`bert-cpu tune`: looks for good settings of training."""

import os
import sys

from bert_cpu.report.print_sweep import print_sweep
from bert_cpu.search.role import read_role
from bert_cpu.search.sweep import run_sweep
from bert_cpu.search.work_for_chief import work_for_chief
from bert_cpu.training.screen import Screen
from bert_cpu.tune_settings import TuneSettings

_COMMAND = (sys.executable, "-P", "-m", "bert_cpu.commands.trial")


def run(settings: TuneSettings) -> int:
    """Runs a sweep, or its part of one that a chief leads.

    Returns:
        The exit code.

    Raises:
        UserError, Interrupted: as `run_sweep`.
    """
    screen = Screen()
    role = read_role(os.environ)
    if role == "worker":
        work_for_chief(settings, _COMMAND, screen, os.environ)
        return 0
    content = run_sweep(settings, _COMMAND, screen, role)
    print_sweep(content, screen.console)
    screen.say(f"Everything is in '{settings.sweep_dir}'; open report.html to see it.")
    return 0
