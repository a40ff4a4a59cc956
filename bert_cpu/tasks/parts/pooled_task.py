"""What tasks have in common whose head reads one vector a text."""

from typing import ClassVar

from bert_cpu.task import Task
from bert_cpu.tasks.parts.pooling import Pooling, pool_rows, pool_tokens


class PooledTask(Task):
    """A dense layer on the pooled tokens of a text or a pair of texts.

    Args:
        pooling: how one vector is made of the tokens'; see `pool_tokens`. Encoders
            that next sentences were learned with have a use for the first token,
            which "pooled" reads as Devlin et al. do. In others it stands for nothing
            before fine-tuning, and the mean of all tokens often does better.
    """

    options: ClassVar[tuple[str, ...]] = ("pooling",)
    head_names = {
        "logits/kernel": "classifier.weight",
        "logits/bias": "classifier.bias",
    }
    architecture = "BertForSequenceClassification"
    lean_products = {"classifier": "classifier"}

    def __init__(self, pooling: Pooling = "pooled"):
        self.pooling = pooling
        self.reads_first_token = pooling != "mean"
        if pooling != "pooled":
            # transformers has no class that reads them so: it would draw a pooler.
            self.architecture = "BertModel"

    def logits(self, encoder, num_outputs: int, dropout: float):
        """Dropout and a dense layer on top of the pooled tokens.

        The layer begins as Keras begins one (Glorot and Bengio 2010,
        https://proceedings.mlr.press/v9/glorot10a), and not with BERT's deviation of
        0.02: MiniLM's pooler gives numbers of 0.07 on the average, whose logits then
        tell labels apart by 0.02, and what flows back to the encoder is as small.

        Args:
            encoder: keras.Model as `build_encoder` returns it.
            num_outputs: int.
            dropout: float in `[0, 1)`. Share of pooled features zeroed in training.

        Returns:
            float32 keras tensor `(batch, num_outputs)`, of a layer named `logits`.
        """
        import keras

        from bert_cpu.layers.dropout import Dropout

        pooled = pool_tokens(encoder, self.pooling)
        pooled = Dropout(dropout, dtype="float32", name="head_dropout")(pooled)
        return keras.layers.Dense(num_outputs, dtype="float32", name="logits")(pooled)

    def lean_logits(self, graph, hidden, inputs):
        """The same in a lean graph, `(1, num_outputs)`; see `Task.lean_outputs`."""
        return graph.product(
            "classifier", pool_rows(graph, hidden, inputs, self.pooling)
        )
