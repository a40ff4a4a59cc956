"""Small made-up data for every task, in the forms that files have."""

import dataclasses
import json
import random
from collections.abc import Callable

import tiny_command

PEOPLE, PLACES = ("Ann", "Bob", "Eve"), ("Oslo", "Rome", "Bern")
CHINESE_PEOPLE, CHINESE_PLACES = ("小明", "王芳", "李雷"), ("北京", "上海", "广州")
# All that the texts below are written with.
CHARACTERS = {
    "english": "abcdefghijklmnopqrstuvwxyz0123456789.?<>/()$#§",
    "chinese": "小明王芳李雷北京上海广州昨天去了和人很多菜不错房间脏吃住的在哪里谁开心"
    "喜欢看好坏。，？e12<>/()",
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A task with data of one form in one language.

    Args:
        task: its name.
        language: which of `CHARACTERS` the encoder reads.
        suffix: of its files.
        write: `(random numbers, number of rows)` -> what a file holds.
        options: of the command line, besides the files.
    """

    task: str
    language: str
    suffix: str
    write: Callable[[random.Random, int], str]
    options: tuple = ("--max-length", 16)

    def write_files(self, directory):
        """Writes three splits; gives the options that name them, and the others."""
        directory.mkdir()
        named = []
        splits = (("data", 48), ("validation", 8), ("test", 8))
        for seed, (split, num_rows) in enumerate(splits):
            path = directory / f"{split}{self.suffix}"
            path.write_text(self.write(random.Random(seed), num_rows), encoding="utf-8")
            named += [f"--{split}", path]
        return (*named, *self.options)


def write_encoders(directory, num_layers=1):
    """Language -> a checkpoint with random weights that reads its characters."""
    return {
        language: tiny_command.write_alphabet_encoder(
            directory / language, characters, num_layers
        )
        for language, characters in CHARACTERS.items()
    }


def _conll(chance, num_rows):
    sentences = []
    for _ in range(num_rows):
        person, place = chance.choice(PEOPLE), chance.choice(PLACES)
        sentences.append(
            f"{person} B-PER\nsaw O\n{place} B-LOC\nand O\nthen O\n"
            f"{chance.choice(PLACES)} B-LOC\nBay I-LOC\n. O\n"
        )
    return "\n".join(sentences)


def _chinese_spans(chance, num_rows):
    rows = []
    for _ in range(num_rows):
        person, place = chance.choice(CHINESE_PEOPLE), chance.choice(CHINESE_PLACES)
        text = f"昨天{person}去了{place}，很开心，{person}喜欢{place}。"
        spans = [
            {"start": start, "end": start + 2, "label": label, "text": name}
            for name, label in ((person, "人"), (place, "地"))
            for start in (text.index(name), text.rindex(name))
        ]
        rows.append({"text": text, "spans": spans})
    return _jsonl(rows)


def _chinese_labels(chance, num_rows):
    parts = {"吃": "菜很不错", "住": "房间很脏", "人": "人很多"}
    rows = ["text,label"]
    for _ in range(num_rows):
        labels = chance.sample(sorted(parts), chance.randint(0, 2))
        text = "，".join(parts[label] for label in labels) or "昨天去了"
        rows.append(f"{text},{'|'.join(labels)}")
    return "\n".join(rows)


def _english_labels(chance, num_rows):
    parts = {"food": "eggs were good", "room": "it is dirty", "place": "it is far"}
    rows = []
    for _ in range(num_rows):
        labels = chance.sample(sorted(parts), chance.randint(0, 2))
        text = " and ".join(parts[label] for label in labels) or "so it is"
        rows.append({"body": text, "topics": labels})
    return _jsonl(rows)


def _scored_pairs(chance, num_rows):
    rows = ["a\tb\tscore"]
    for _ in range(num_rows):
        first, second = (chance.choice(PEOPLE + PLACES) for _ in range(2))
        rows.append(f"{first}\t{second}\t{2.5 * (first == second) + 0.5}")
    return "\n".join(rows)


def _chinese_scored_pairs(chance, num_rows):
    rows = []
    for _ in range(num_rows):
        places = [chance.choice(CHINESE_PLACES) for _ in range(2)]
        first, second = (f"{chance.choice(CHINESE_PEOPLE)}去了{p}。" for p in places)
        score = 2.5 * (places[0] == places[1]) + 0.5
        rows.append({"a": first, "b": second, "score": score})
    return _jsonl(rows)


def _chinese_inference(chance, num_rows):
    return _inference(
        chance,
        num_rows,
        (CHINESE_PEOPLE, CHINESE_PLACES),
        ("昨天{person}去了{place}。", "{person}在{place}。", "{person}喜欢{place}。"),
    )


def _english_inference(chance, num_rows):
    return _inference(
        chance,
        num_rows,
        (PEOPLE, PLACES),
        (
            "{person} went to {place}.",
            "{person} is in {place}.",
            "{person} likes {place}.",
        ),
    )


def _inference(chance, num_rows, names, sentences):
    """Of what is known: what follows from it, what may be, and what can't be."""
    people, places = names
    known, follows, may_be = sentences
    rows = []
    for _ in range(num_rows):
        person = chance.choice(people)
        place, other = chance.sample(places, 2)
        sentence, where, label = chance.choice(
            [
                (follows, place, "entailment"),
                (may_be, place, "neutral"),
                (follows, other, "contradiction"),
            ]
        )
        hypothesis = sentence.format(person=person, place=where)
        premise = known.format(person=person, place=place)
        rows.append({"premise": premise, "hypothesis": hypothesis, "label": label})
    return _jsonl(rows)


def _semeval(chance, num_rows):
    rows = []
    for number in range(num_rows):
        first, second = "e1", "e2"
        if chance.random() < 0.5:
            first, second = second, first
        rows.append(
            f'{number}\t"<{first}>{chance.choice(PEOPLE)}</{first}> in '
            f'<{second}>{chance.choice(PLACES)}</{second}>."\n'
            f"Lives-In({first},{second})\nComment: none\n"
        )
    return "\n".join(rows)


def _chinese_relations(chance, num_rows):
    rows = []
    for _ in range(num_rows):
        is_love = chance.random() < 0.5
        verb, label = ("喜欢", "喜欢") if is_love else ("和", "其他")
        first, second = (chance.choice(CHINESE_PEOPLE) for _ in range(2))
        text = f"<e1>{first}</e1>{verb}<e2>{second}</e2>。"
        rows.append({"text": text, "label": label})
    return _jsonl(rows)


def _squad(chance, num_rows):
    paragraphs = []
    for number in range(num_rows):
        person, place = chance.choice(PEOPLE), chance.choice(PLACES)
        context = f"It is so. {person} saw {place} and left. It is so."
        answer = {"text": place, "answer_start": context.index(place)}
        asked = {"id": str(number), "question": "where?", "answers": [answer]}
        paragraphs.append({"context": context, "qas": [asked]})
    return json.dumps({"data": [{"title": "Trips", "paragraphs": paragraphs}]})


def _chinese_questions(chance, num_rows):
    rows = []
    for number in range(num_rows):
        person, place = chance.choice(CHINESE_PEOPLE), chance.choice(CHINESE_PLACES)
        context = f"人很多，昨天{person}去了{place}，菜很不错。"
        # Every fourth question has no answer.
        answers = [{"text": place, "start": context.index(place)}]
        row = {"question": "去了哪里？", "context": context, "answers": answers}
        if number % 4 == 0:
            row |= {"question": "谁住了？", "answers": []}
        rows.append(row)
    return _jsonl(rows)


def _chinese_pairs(chance, num_rows):
    rows = []
    for _ in range(num_rows):
        person, place = chance.choice(CHINESE_PEOPLE), chance.choice(CHINESE_PLACES)
        rows.append({"text": f"{person}在哪里？", "text_pair": f"{person}在{place}。"})
    return _jsonl(rows)


def _english_pairs(chance, num_rows):
    rows = ["question\tanswer"]
    for _ in range(num_rows):
        person, place = chance.choice(PEOPLE), chance.choice(PLACES)
        rows.append(f"where is {person}?\t{person} is in {place}.")
    return "\n".join(rows)


def _english_texts(chance, num_rows):
    return "\n".join(
        f"{chance.choice(PEOPLE)} saw {chance.choice(PLACES)} and was so glad."
        for _ in range(num_rows)
    )


def _chinese_texts(chance, num_rows):
    rows = ["text"]
    for _ in range(num_rows):
        person, place = chance.choice(CHINESE_PEOPLE), chance.choice(CHINESE_PLACES)
        rows.append(f"昨天{person}去了{place}，很开心，菜不错，人很多。")
    return "\n".join(rows)


def _jsonl(rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


_WINDOWS = ("--max-length", 16, "--stride", 4)
_SCORED = ("--text", "a", "--text-pair", "b", "--label", "score", "--max-length", 16)
_INFERENCE = ("--text", "premise", "--text-pair", "hypothesis", "--max-length", 32)
_ASKED = ("--text", "question", "--text-pair", "answer", "--max-length", 32)
CASES = {
    "classify, inference": Case(
        "classify", "english", ".jsonl", _english_inference, _INFERENCE
    ),
    "classify, 中文推理": Case(
        "classify", "chinese", ".jsonl", _chinese_inference, _INFERENCE
    ),
    "tag, CoNLL": Case("tag", "english", ".conll", _conll, _WINDOWS),
    "tag, 中文 spans": Case("tag", "chinese", ".jsonl", _chinese_spans, _WINDOWS),
    "multilabel, 中文": Case(
        "multilabel",
        "chinese",
        ".csv",
        _chinese_labels,
        ("--max-length", 16, "--pooling", "mean"),
    ),
    "multilabel, lists": Case(
        "multilabel",
        "english",
        ".jsonl",
        _english_labels,
        ("--text", "body", "--label", "topics", "--max-length", 32),
    ),
    "score, pairs": Case("score", "english", ".tsv", _scored_pairs, _SCORED),
    "score, 中文": Case("score", "chinese", ".jsonl", _chinese_scored_pairs, _SCORED),
    "relate, SemEval": Case(
        "relate", "english", ".txt", _semeval, ("--max-length", 40)
    ),
    "relate, 中文": Case(
        "relate",
        "chinese",
        ".jsonl",
        _chinese_relations,
        ("--max-length", 32, "--stride", 4, "--entity-marks", "signs"),
    ),
    "answer, SQuAD": Case("answer", "english", ".json", _squad, _WINDOWS),
    "answer, 中文": Case("answer", "chinese", ".jsonl", _chinese_questions, _WINDOWS),
    "embed, pairs": Case("embed", "english", ".tsv", _english_pairs, _ASKED),
    "embed, 中文 pairs": Case("embed", "chinese", ".jsonl", _chinese_pairs),
    "fill": Case("fill", "english", ".txt", _english_texts, _WINDOWS),
    "fill, 中文": Case("fill", "chinese", ".csv", _chinese_texts, _WINDOWS),
}
