"""How two marked entities of a text relate: one directed label."""

import json
import re
from collections import Counter
from functools import partial
from typing import Literal

from bert_cpu.errors import Unanswerable, UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.target import Target
from bert_cpu.tasks.classify import Answer, Classify
from bert_cpu.tasks.parts.pooling import Pooling
from bert_cpu.text.rows import text_of
from bert_cpu.text.semeval import read_semeval

_MARKS = ("<e1>", "</e1>", "<e2>", "</e2>")
_ANY_MARK = re.compile("|".join(_MARKS))
# What a tokenizer may read as one of them, too.
_LIKE_A_MARK = re.compile(r"<\s*/?\s*e\s*[12]\s*>", re.IGNORECASE)
# The signs of the first entity and of the second. Of MiniLM's word table, the rows of
# `$` and `#` have a cosine of 0.18 and lengths of 1.1 and 1.3; those of its
# `[unused…]` words are alike (0.82 on the mean) and short (0.46): untrained, they
# would first have to be learned apart, from a few thousand texts.
_SIGNS = ("$", "#")
# What the text's own `$` and `#` are read as: one token as well, and no sign.
_NO_SIGN = "§"
EntityMarks = Literal["written", "signs"]
_EXAMPLE = "The <e1>smoke</e1> came from a <e2>fire</e2>"
# Cause-Effect(e2,e1): the second entity is the cause.
_DIRECTED = re.compile(r"(.+)\(e[12], ?e[12]\)")
# Labels that say that there is none of the relations, in small letters.
_NO_RELATION = {"other", "no_relation", "na", "其他"}


class Relate(Classify):
    """Tells how two entities relate, by the pooled first token of a marked text.

    The entities stand between `<e1>` and `</e1>`, `<e2>` and `</e2>`, in any order.
    A row of jsonl can give them by offsets instead: `"e1": [start, end], "e2":
    [start, end]`, in characters. A text beyond `max_length` is read in windows, and
    the first with both entities tells; if they stand too far apart for any, the text
    is left out.

    Args:
        entity_marks: what BERT reads for them. "written" is their word pieces, which
            tell where an entity opens from where it closes. "signs" is one token
            each, `$` for the first entity's and `#` for the second's, which takes a
            third of the tokens of a sentence away; the text's own `$` and `#` are
            then read as `§`. With a vocabulary that lacks them, "signs" reads what
            is written.
        pooling: see `PooledTask`.

    What the head costs: a head that also reads the states of both entities scores
    higher in the papers below. But it has no class in transformers; this one is a
    plain `BertForSequenceClassification`, and its last block answers for one token.

    References:
        Wu & He 2019, https://arxiv.org/abs/1905.08284, section 3.2 (the signs) and
        table 3.
        Soares et al. 2019, https://arxiv.org/abs/1906.03158: markers compared.
    """

    name = "relate"
    options = ("entity_marks", *Classify.options)
    reading_options = {"entity_marks": "signs"}
    formats = {".txt": read_semeval}
    unlabelled_formats = {".txt": partial(read_semeval, labelled=False)}
    too_long = "text"
    when_cut = "left out, with entities in no window of {max_length} tokens together"
    # `is_whole`: 1 for a window with both entities; the others teach nothing.
    targets = {"label": Target("int32"), "is_whole": Target("float32")}
    metrics = ("macro_f1", "accuracy")
    sample = (_EXAMPLE, "")

    def __init__(
        self, entity_marks: EntityMarks = "written", pooling: Pooling = "pooled"
    ):
        super().__init__(pooling)
        self.entity_marks = entity_marks

    def read(self, row, settings):
        """See `Task.read`: the text of the example has all four marks.

        Raises:
            UserError: if a mark is missing or there twice, the entities overlap, one
                has no text, or the offsets are not within the text.
        """
        example = super().read(row, settings)
        _expect_marks(example.text, example.position)
        return example

    def read_texts(self, row, text=None, text_pair=None):
        """See `Task.read_texts`: entities that are given by offsets get marks."""
        position, values = row
        column = "text" if text is None else text
        found = text_of(row, column, "--text")
        if not _ANY_MARK.search(found) and ("e1" in values or "e2" in values):
            row = position, values | {column: _marked(row, found)}
        return super().read_texts(row, column, text_pair)

    def stand_ins(self, tokenizer):
        """See `Task.stand_ins`: signs for the marks, and no other signs."""
        lacks_signs = any(tokenizer.token_to_id(sign) is None for sign in _SIGNS)
        if self.entity_marks == "written" or lacks_signs:
            return {}
        of_text = dict.fromkeys(_SIGNS, _NO_SIGN)
        of_mark = {mark: _SIGNS["2" in mark] for mark in _MARKS}
        return of_text | of_mark

    def encode(self, example, windows, apart, labels):
        """See `Task.encode`. A window with a part of the marks teaches nothing.

        Raises:
            UserError: if the vocabulary has nothing for the marks.
        """
        whole = [self._has_marks(window) for window in windows]
        if not any(whole) and len(windows) == 1:
            lacks = f"doesn't spell {' '.join(_MARKS)}"
            signs = " and ".join(_SIGNS)
            remedy = f"Choose another --encoder, or --entity-marks signs for {signs}"
            if self.entity_marks == "signs":
                lacks = f"has no {signs}, and {lacks}"
                remedy = "Choose another --encoder"
            raise UserError(
                f"{example.position} has marks that the encoder can't read: its "
                f"vocabulary {lacks}. {remedy}."
            )
        if not any(whole):
            return None
        label = labels[example.label]
        return [{"label": label, "is_whole": float(each)} for each in whole]

    def losses(self, batch, outputs, smoothing=0.0):
        losses, counts = super().losses(batch, outputs, smoothing)
        return losses * batch["is_whole"], counts * batch["is_whole"]

    def answer(self, example, windows, outputs, labels):
        """See `Task.answer`. There is no label if no window has both entities.

        Raises:
            Unanswerable: if the two entities of a text aren't marked; see `read`.
        """
        if not example.text.strip():
            return Answer(example.text, None, {})
        _expect_marks(example.text, example.position)
        whole = [index for index, each in enumerate(windows) if self._has_marks(each)]
        if not whole:
            return Answer(example.text, None, {})
        window, output = windows[whole[0]], outputs[whole[0]]
        return super().answer(example, [window], [output], labels)

    def measure(self, examples, answers, labels):
        """Counts as SemEval-2010 task 8 does: relations, each in its direction.

        Returns:
            dict as `measure_labels` returns it, but for `macro_f1`: the mean over
            the relations that occur, `Other` (or `no_relation`, `NA`, `其他`) left
            out. An answer is right with the right direction only, while precision
            and recall divide by the answers and the examples of both directions.
            `per_relation` has these, and `f1` and `examples`, of each relation.

        Reference: Hendrickx et al. 2010, https://aclanthology.org/S10-1006.
        """
        relations = _per_relation(
            [example.label for example in examples],
            [answer.label for answer in answers],
        )
        f1 = [counts["f1"] for counts in relations.values()]
        return {
            **super().measure(examples, answers, labels),
            "macro_f1": sum(f1) / len(f1) if f1 else 0.0,
            "per_relation": relations,
        }

    def check(self, settings):
        """See `Task.check`: one text is read, and no word of it may be lost."""
        super().check(settings)
        defaults = PrepareSettings()
        if settings.text_pair != defaults.text_pair:
            raise UserError(
                f"--text-pair is {settings.text_pair}, but --task relate reads one "
                "text with two entities. Leave the option out."
            )
        for field in ("stop_words", "stem"):
            if getattr(settings, field) != getattr(defaults, field):
                raise UserError(
                    f"--{field.replace('_', '-')} changes words, but --task relate "
                    "needs both entities and the words between them as they are. "
                    "Leave the option out."
                )

    def _has_marks(self, window):
        """Whether both entities, with all of their marks, are in a window."""
        if self.entity_marks == "signs" and all(
            window.tokens.count(sign) == 2 for sign in _SIGNS
        ):
            return True
        tokens = (token.removeprefix("##") for token in window.tokens)
        return set(_MARKS) <= set(_ANY_MARK.findall("".join(tokens)))


def _marked(row, text):
    """The text of a row with marks where its offsets say."""
    position, values = row
    spans = []
    for name in ("e1", "e2"):
        span = values.get(name)
        if not (
            isinstance(span, list)
            and [type(place) for place in span] == [int, int]
            and 0 <= span[0] < span[1] <= len(text)
        ):
            shown = json.dumps(span, ensure_ascii=False)[:40]
            raise UserError(
                f"{position} has {shown} as '{name}', but [start, end] of an entity "
                f"was expected, within the {len(text)} characters of its text. Mend "
                f"the row, or mark the text, as in '{_EXAMPLE}'."
            )
        spans.append((*span, name))
    (first_start, first_end, first), (start, end, second) = sorted(spans)
    if start < first_end:
        raise UserError(
            f"{position} has entities that overlap: [{first_start}, {first_end}] and "
            f"[{start}, {end}]. Give two that stand apart."
        )
    return (
        f"{text[:first_start]}<{first}>{text[first_start:first_end]}</{first}>"
        f"{text[first_end:start]}<{second}>{text[start:end]}</{second}>{text[end:]}"
    )


def _expect_marks(text, position):
    found = _ANY_MARK.findall(text)
    position = position or "The text"
    for mark in _MARKS:
        if found.count(mark) != 1:
            count = "no" if mark not in found else f"{found.count(mark)} times"
            raise Unanswerable(
                f"{position} has {count} {mark}, but two marked entities were "
                f"expected, as in '{_EXAMPLE}'. Mark each of them once."
            )
    if found not in ([*_MARKS], [*_MARKS[2:], *_MARKS[:2]]):
        raise Unanswerable(
            f"{position} has its marks in the order {' '.join(found)}, but each "
            f"entity must end before the next begins, as in '{_EXAMPLE}'. Move them."
        )
    for like in _LIKE_A_MARK.findall(text):
        if like not in _MARKS:
            raise Unanswerable(
                f"{position} has '{like}', which BERT may read as a mark, beside its "
                "marks. Take it out."
            )
    for name in ("e1", "e2"):
        entity = text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
        if not entity.strip():
            raise Unanswerable(
                f"{position} has nothing between <{name}> and </{name}>. Mark the "
                "words of the entity."
            )


def _per_relation(truths, predicted):
    asked = Counter(map(_relation, truths))
    said = Counter(map(_relation, predicted))
    hits = Counter(
        _relation(truth)
        for truth, label in zip(truths, predicted, strict=True)
        if truth == label
    )
    return {
        name: {
            "precision": hits[name] / said[name] if said[name] else 0.0,
            "recall": hits[name] / count,
            "f1": 2 * hits[name] / (said[name] + count),
            "examples": count,
        }
        for name, count in sorted(asked.items())
        if name.casefold() not in _NO_RELATION
    }


def _relation(label):
    """`Cause-Effect(e1,e2)` -> `Cause-Effect`; a label without direction stays."""
    directed = _DIRECTED.fullmatch(label)
    return directed[1] if directed else label
