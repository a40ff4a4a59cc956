"""The names of the tasks: those of the files in `tasks/`.

The folder is only listed: settings and the command line name tasks, and import none.
"""

import pathlib
from typing import TYPE_CHECKING, Literal

_FOLDER = pathlib.Path(__file__).parent / "tasks"
TASK_NAMES = tuple(sorted(path.stem for path in _FOLDER.glob("[!_]*.py")))

if TYPE_CHECKING:  # A checker of types can't list a folder.
    TaskName = str
else:
    TaskName = Literal[TASK_NAMES]
