"""Sets of TensorFlow's catalogue with the features that they have, and rows of ours."""

import tensorflow_datasets as tfds

LABEL_MISSING = -1


def stand_in(monkeypatch, name, **splits):
    """Lets `tfds:NAME` be built from rows in place of a download.

    The builder is the catalogue's own, so that its features are the real ones.

    Args:
        monkeypatch: pytest's; it ends with the test.
        name: NAME or NAME/CONFIG; returned as `--data` has it.
        splits: for each split its rows, as `_generate_examples` would give them.
    """
    builder_class = tfds.builder_cls(name.partition("/")[0])
    generators = {split: list(enumerate(rows)) for split, rows in splits.items()}
    monkeypatch.setattr(
        builder_class, "_split_generators", lambda builder, downloads: generators
    )
    # Nothing is fetched, so that no host needs to be there.
    monkeypatch.setattr(builder_class, "url_infos", {})
    return f"tfds:{name}"


def sentence(tokens, tags, **more):
    """A row of conll2003; what is not looked at is the same throughout."""
    words = tokens.split()
    row = {"tokens": words, "ner": tags.split()}
    return row | {"pos": ["NN"] * len(words), "chunks": ["O"] * len(words)} | more


def wiki_sentence(tokens, tags, spans):
    """A row of wikiann/zh."""
    return {
        "tokens": list(tokens),
        "tags": tags.split(),
        "langs": ["zh"] * len(tokens),
        "spans": spans,
    }


def pair(premise, hypothesis, label, **more):
    """A row of snli; of glue/mnli with an `idx` beside."""
    return {"premise": premise, "hypothesis": hypothesis, "label": label, **more}


def scored(first, second, label, idx):
    """A row of glue/stsb."""
    return {"sentence1": first, "sentence2": second, "label": label, "idx": idx}


def question(context, answers, name="q1", **more):
    """A row of squad; each of the answers is a part of the context."""
    return {
        "id": name,
        "title": "Trips",
        "context": context,
        "question": f"{name}: where?",
        "answers": _places(context, answers),
        **more,
    }


def question_2(context, answers, name, plausible=()):
    """A row of squad/v2.0, in which a question may have no answer."""
    more = {"is_impossible": not answers}
    more["plausible_answers"] = _places(context, plausible)
    return question(context, answers, name, **more)


def _places(context, answers):
    starts = [context.index(each) for each in answers]
    return {"text": list(answers), "answer_start": starts}
