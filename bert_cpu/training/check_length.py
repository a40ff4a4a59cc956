"""Whether an encoder has positions for sequences of a length."""

from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import Checkpoint


def check_length(max_length: int, checkpoint: Checkpoint) -> None:
    """Refuses sequences that are longer than an encoder can read.

    Raises:
        UserError: if they are.
    """
    most = checkpoint.config.max_position_embeddings
    if max_length > most:
        raise UserError(
            f"--max-length is {max_length}, but '{checkpoint.name}' has only {most} "
            f"positions. Ask for {most} or fewer."
        )
