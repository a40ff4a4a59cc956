"""Where examples come from: files of any size, and how they are split."""

import itertools
import json
import subprocess
import sys
import tracemalloc

import pytest
from source_files import TEXTS, expected_split, open_source, texts_of, write, write_csv

from bert_cpu.data.split import split_of
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings


def test_one_text_in_ten_is_for_each_carved_split(tmp_path):
    source = open_source(PrepareSettings(data=write_csv(tmp_path, TEXTS)))
    assert list(source.splits) == ["train", "validation", "test"]
    splits = texts_of(source)
    for split, texts in splits.items():
        assert texts == [text for text in TEXTS if expected_split(text) == split]
    assert 15 < len(splits["validation"]) < 45
    assert texts_of(source) == splits  # Read anew.


@pytest.mark.parametrize("given", [{"test"}, {"validation"}, {"validation", "test"}])
def test_splits_of_their_own_files_are_not_carved_from_the_rest(tmp_path, given):
    files = {
        split: write_csv(tmp_path, [f"my {split}"], f"{split}.csv") for split in given
    }
    data = write_csv(tmp_path, TEXTS)
    splits = texts_of(open_source(PrepareSettings(data=data, **files)))
    for split in given:
        assert splits[split] == [f"my {split}"]
    carved = [text for split in splits.keys() - given for text in splits[split]]
    assert sorted(carved) == sorted(TEXTS)


@pytest.mark.parametrize("given", [set(), {"test"}, {"validation", "test"}])
def test_one_reading_gives_what_the_splits_give_one_by_one(tmp_path, given):
    files = {split: write_csv(tmp_path, TEXTS[:20], f"{split}.csv") for split in given}
    source = open_source(PrepareSettings(data=write_csv(tmp_path, TEXTS), **files))
    together = {split: [] for split in source.splits}
    for split, example in source.read():
        together[split].append(example)
    assert together == {split: list(read()) for split, read in source.splits.items()}


def test_a_text_is_in_one_split_wherever_it_stands():
    assert split_of("好") == split_of("好")
    assert [split_of(text) for text in TEXTS] == list(map(expected_split, TEXTS))
    assert {split_of(text, ("test",)) for text in TEXTS} == {"train", "test"}


def test_columns_have_the_names_that_the_settings_give(tmp_path):
    settings = PrepareSettings(
        data=write(tmp_path, "a.tsv", "q\ta\tstars\nhow?\tso\t5\n"),
        text="q",
        text_pair="a",
        label="stars",
    )
    source = open_source(settings)
    assert source.name == "a.tsv"
    assert source.labels is None
    (example,) = itertools.chain.from_iterable(r() for r in source.splits.values())
    assert example == Example("how?", "so", "5", "a.tsv line 2")


def test_labels_are_strings_as_written_and_empty_texts_are_kept(tmp_path):
    rows = [("", 1), ("a", "1"), ("b", True), ("c", 4.5), ("d", " x ")]
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    data = write(tmp_path, "a.jsonl", "\n".join(lines))
    source = open_source(PrepareSettings(data=data))
    examples = itertools.chain.from_iterable(read() for read in source.splits.values())
    assert {(example.text, example.label) for example in examples} == {
        ("", "1"),
        ("a", "1"),
        ("b", "true"),
        ("c", "4.5"),
        ("d", " x "),
    }


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ('{"text": "a"}', {}, r"line 1 has no column 'label' .* with --label\."),
        ('{"label": "a"}', {}, r"line 1 has no column 'text' .* with --text\."),
        (
            '{"text": "a", "label": 1}',
            {"text_pair": "b"},
            r"no column 'b' \(it has: text, label\).* with --text-pair\.",
        ),
        ('{"text": "a", "label": null}', {}, r"a\.jsonl line 1 has no label"),
        ('{"text": "a", "label": " "}', {}, r"a\.jsonl line 1 has no label"),
        (
            '{"text": "a", "label": [1]}',
            {},
            r"has \[1\] in column 'label', but a string",
        ),
        ('{"text": 3, "label": 1}', {}, r"has 3 in column 'text', but a string"),
    ],
)
def test_a_first_row_that_lacks_something_is_refused_at_once(
    tmp_path, content, settings, message
):
    data = write(tmp_path, "a.jsonl", content)
    with pytest.raises(UserError, match=message):
        open_source(PrepareSettings(data=data, **settings))


def test_a_mistake_in_a_later_row_names_its_line(tmp_path):
    data = write(tmp_path, "a.csv", "text,label\na,1\nb,\n")
    source = open_source(PrepareSettings(data=data))
    with pytest.raises(UserError, match=r"a\.csv line 3 has no label .*Fill it in"):
        list(source.splits["train"]())


def test_a_missing_or_plain_file_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        open_source(PrepareSettings(data=str(tmp_path / "gone.csv")))
    data = write_csv(tmp_path, TEXTS)
    with pytest.raises(UserError, match=r"There is no file '.*gone\.csv'"):
        open_source(PrepareSettings(data=data, test=str(tmp_path / "gone.csv")))
    with pytest.raises(UserError, match=r"has no column 'label' \(it has: text\)"):
        open_source(PrepareSettings(data=write(tmp_path, "a.txt", "text")))


def test_memory_does_not_grow_with_the_file(tmp_path):
    def peak(count):
        data = write_csv(tmp_path, (f"text number {i}" for i in range(count)))
        source = open_source(PrepareSettings(data=data))
        tracemalloc.start()
        assert sum(1 for read in source.splits.values() for _ in read()) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    # Ten times the rows, and no more than a buffer's worth of difference.
    assert peak(10_000) - peak(1_000) < 20_000


def test_a_file_is_read_without_tensorflow(tmp_path, project_dir):
    code = (
        "import sys\n"
        "from bert_cpu.data.sources.open_source import open_source\n"
        "from bert_cpu.settings import PrepareSettings\n"
        "from bert_cpu.tasks.classify import Classify\n"
        "open_source(PrepareSettings(data=sys.argv[1]), Classify())\n"
        "print({'tensorflow', 'tensorflow_datasets'} & sys.modules.keys())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, write_csv(tmp_path, TEXTS)],
        capture_output=True,
        text=True,
        check=True,
        cwd=project_dir,
    )
    assert ran.stdout == "set()\n"
