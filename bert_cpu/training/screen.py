"""What a run shows while it works."""

import contextlib
from collections.abc import Callable, Iterator

import rich.console
import rich.progress


class Screen:
    """Lines and progress bars, on standard error; silent where not wanted.

    Args:
        quiet: bool. Show nothing: for all workers but the chief.
    """

    def __init__(self, quiet: bool = False):
        self.console = rich.console.Console(stderr=True, quiet=quiet, highlight=False)

    def say(self, line: str) -> None:
        """Shows one line, which is never read as markup."""
        self.console.print(line, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def counting(self, what: str) -> Iterator[Callable[[str, int, int], None]]:
        """A bar for each split; gives `(split, done, total) -> None`."""
        with rich.progress.Progress(
            "{task.description}",
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeRemainingColumn(),
            console=self.console,
            transient=True,
            # In a file it would leave an empty line.
            disable=not self.console.is_terminal,
        ) as bar:
            tasks: dict[str, rich.progress.TaskID] = {}

            def count(split: str, done: int, total: int) -> None:
                if split not in tasks:
                    tasks[split] = bar.add_task(f"{what} {split}", total=total)
                bar.update(tasks[split], completed=done)

            yield count

    @contextlib.contextmanager
    def training(self, done: int, total: int) -> Iterator[Callable[..., None]]:
        """A bar over all steps; gives `(step, epoch, loss, tokens_per_second, total)`.

        `total` is how many steps there will be, where that has changed, or None.
        """
        with rich.progress.Progress(
            "epoch {task.fields[epoch]}",
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            "loss {task.fields[loss]}",
            "{task.fields[speed]:,.0f} tokens/s",
            rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
        ) as bar:
            task = bar.add_task(
                "", total=total, completed=done, epoch=1, loss="-", speed=0.0
            )

            def show(
                step: int,
                epoch: int,
                loss: float,
                speed: float,
                total: int | None = None,
            ) -> None:
                bar.update(
                    task,
                    completed=step,
                    total=total,
                    epoch=epoch,
                    loss=f"{loss:.4f}",
                    speed=speed,
                )

            yield show
