"""A search space from a YAML file."""

import pathlib

import yaml

from bert_cpu.errors import UserError
from bert_cpu.search.space import SearchSpace


def read_space(path: pathlib.Path) -> SearchSpace:
    """Reads a file with a line for each setting.

        learning_rate: {log: [1e-5, 2e-4]}   # each factor is as likely
        warmup: {range: [0.0, 0.2]}
        batch_size: [16, 32, 64]
        ema: 0.99                            # the same in every trial

    Args:
        path: the file.

    Raises:
        UserError: if it can't be read, is not YAML, or says what `SearchSpace`
            refuses.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"--space '{path}' can't be read ({error.strerror}). Give a YAML file."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--space '{path}' is not YAML ({reason}). Mend it.") from error
    if not isinstance(content, dict) or not content:
        raise UserError(
            f"--space '{path}' names no settings. Give a line for each, such as "
            "batch_size: [16, 32]."
        )
    try:
        return SearchSpace.from_dict(content)
    except UserError as error:
        raise UserError(f"--space '{path}': {error}") from None
