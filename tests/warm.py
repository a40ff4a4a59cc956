"""A process that has imported all that training needs, and forks runs from itself.

Started as `python warm.py`: TensorFlow's import takes longer than a tiny run. It is
imported only, so that no thread of it is lost by the fork. Each line that it reads
is JSON with workers to start together; each line that it writes is how they ended.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

import tiny_run

# Seconds that workers may take, before they are killed: two that wait for each other
# at each step take long on a busy machine.
_LONGEST = 600.0


class Warm:
    """The process, as a test sees it; a context manager that ends it."""

    def __init__(self, directory):
        self._log = (directory / "warm.log").open("w+")
        # One thread each: a fork would lose others, and tests share two cores.
        environment = tiny_run.environment() | {"OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.communicate(timeout=2 * _LONGEST)
        self._log.close()

    def run(self, run_dir, kills=(None,)):
        """Trains a run that was begun, and returns when all its workers have ended.

        Args:
            run_dir: whose config.json says the rest.
            kills: for each worker None, or `(step, seconds)`: it is killed so long
                after this step.

        Returns:
            What each left with: an exit code, or a signal's number below 0.
        """
        ports = free_ports(len(kills)) if len(kills) > 1 else []
        order = {"run_dir": str(run_dir), "kills": kills, "ports": ports}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        self._log.seek(0)
        said = self._log.read()
        assert answer, said
        codes = json.loads(answer)
        # Shown by pytest if the test fails.
        print(f"{run_dir}: {codes}\n{said[-3000:]}")
        return codes


def free_ports(count):
    with contextlib.ExitStack() as stack:
        endpoints = [stack.enter_context(socket.socket()) for _ in range(count)]
        for endpoint in endpoints:
            endpoint.bind(("127.0.0.1", 0))
        return [endpoint.getsockname()[1] for endpoint in endpoints]


def serve():
    from bert_cpu.commands.start_tensorflow import start_tensorflow

    start_tensorflow("float32", 1, is_alone=False)
    import bert_cpu.commands.train
    import bert_cpu.report.pictures
    import bert_cpu.training.history  # noqa: F401

    threads = os.listdir("/proc/self/task")
    assert len(threads) == 1, f"a fork would lose {len(threads) - 1} threads"
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        workers = [_fork_worker(order, index) for index in range(len(order["kills"]))]
        print(json.dumps(_wait_for(workers)), file=answers, flush=True)


def _train(order, index):
    from bert_cpu.commands import train as command
    from bert_cpu.stored_settings import load_settings
    from bert_cpu.training.cluster.cluster import Cluster

    if order["kills"][index]:
        command.Screen = _screen_that_kills(*order["kills"][index])
    workers = tuple(f"127.0.0.1:{port}" for port in order["ports"])
    settings = load_settings(pathlib.Path(order["run_dir"]) / "config.json")
    return command.train_and_show(settings, Cluster(workers, index))


def _screen_that_kills(at_step, seconds):
    """A class of screens; with one, the process is killed soon after a step."""
    from bert_cpu.training.screen import Screen

    class Killing(Screen):
        def __init__(self, quiet):
            super().__init__(quiet=True)

        @contextlib.contextmanager
        def training(self, done, total):
            def show(step, epoch, loss, speed, total):
                if step == at_step:
                    threading.Timer(seconds, os.kill, (os.getpid(), 9)).start()

            yield show

    return Killing


def _fork_worker(order, index):
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        code = _train(order, index)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait_for(workers):
    """The exit codes; all are ended after a time, whatever they do."""
    deadline, codes = time.monotonic() + _LONGEST, {}
    while len(codes) < len(workers):
        for process in workers:
            if process not in codes:
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    codes[process] = os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            for process in set(workers) - set(codes):
                os.kill(process, signal.SIGKILL)
            deadline += _LONGEST
        time.sleep(0.01)
    return [codes[process] for process in workers]


if __name__ == "__main__":
    serve()
