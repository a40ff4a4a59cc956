"""`bert-cpu export`: a trained model converted to TensorFlow Lite."""

from bert_cpu.export.export_tflite import export_tflite
from bert_cpu.report.console import print_tflite
from bert_cpu.report.next_steps import next_steps
from bert_cpu.report.write_report import write_report
from bert_cpu.serving.answering_here import answering_here
from bert_cpu.training.run_directory import find_run
from bert_cpu.training.screen import Screen
from bert_cpu.training.trained import find_bundle, load_run_records, open_trained


def run(name: str, runs_dir: str, threads: int) -> int:
    """Converts a run's bundle, compares the variants on the whole test split.

    Returns:
        The exit code.

    Raises:
        UserError: if there is no such run, or something of it was changed.
    """
    screen = Screen()
    answering, _ = answering_here(threads)  # Whoever started TensorFlow said the rest.
    run_dir = find_run(runs_dir, name)
    trained = open_trained(find_bundle(run_dir))
    manifest = load_run_records(run_dir, "test", trained.bundle)
    tokenizer = trained.bundle.tokenizer.backend_tokenizer
    report = export_tflite(
        run_dir,
        trained.task,
        trained.task.answer_labels(trained.bundle.info.labels, tokenizer),
        trained.evaluation(manifest).answer("test"),
        answering,
        screen.say,
    )
    write_report(run_dir)
    print_tflite(report, screen.console)
    for command, purpose in next_steps(run_dir):
        screen.say(f"  {command}  # {purpose}")
    return 0
