"""How a run that was not finished goes on."""

from bert_cpu.report.name_run import name_run
from bert_cpu.report.read_run import Run


def resume_command(run: Run) -> str:
    """The command to paste: the one that began the run, with `--resume`."""
    pretrains = run.config.get("command") == "pretrain"
    begun_by = "pretrain" if pretrains else "train"
    return f"bert-cpu {begun_by} {name_run(run.directory)} --resume"
