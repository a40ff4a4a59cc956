"""The command line: it parses, and hands over.

Nothing heavy is imported here or for `--help`, `predict`, `search` and `hardware`; and
for those that answer at once, not even the parser of all commands.
"""

import sys
from collections.abc import Sequence

import bert_cpu
from bert_cpu.commands.leave_at_once import leave_at_once, let_go
from bert_cpu.commands.parse_quickly import parse_quickly
from bert_cpu.commands.report_errors import report_errors
from bert_cpu.quick_subcommands import QUICK_COMMANDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `bert-cpu`.

    Args:
        arguments: what is behind the program's name. Default: the process's.

    Returns:
        The exit code: 0, 2 for a mistake in what was given, or 130 if stopped.
    """
    is_program = arguments is None
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        print(f"bert-cpu {bert_cpu.__version__}")
        return 0
    commands: list[object] = []

    def run():
        command = _parse(arguments)
        commands.append(command)
        return command.run()

    code = report_errors(run)
    if is_program and _leaves_nothing(arguments, commands, code):
        leave_at_once(code)
    let_go()
    return code


def _leaves_nothing(arguments, commands, code):
    """Whether nothing is left to put in order: no worker waits for this one."""
    if arguments[:1] == ["train"] and commands and code == 0:
        from bert_cpu.commands.trains_alone import trains_alone

        return trains_alone(commands[0])
    return arguments[:1] == ["predict"]


def _parse(arguments):
    """The settings that `arguments` mean; a mistake in them is one line."""
    if arguments and arguments[0] in QUICK_COMMANDS:
        command = parse_quickly(QUICK_COMMANDS[arguments[0]], arguments[1:])
        if command is not None:
            return command
    from bert_cpu.parse_arguments import parse_arguments

    return parse_arguments(arguments)


if __name__ == "__main__":
    sys.exit(main())
