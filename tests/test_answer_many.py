"""Many texts answered side by side: the same answers, in the same order."""

import json
import pathlib
import shutil
import threading

import pytest
import tiny_bundle
import tiny_model

from bert_cpu.errors import UserError
from bert_cpu.runtime.interpreter_pool import InterpreterPool
from bert_cpu.serving import answer_many as module
from bert_cpu.serving.answer import answer_with, open_model
from bert_cpu.serving.answer_many import answer_many
from bert_cpu.text import remembering_reader

# Of 1 to 26 tokens, and not by length: some are cut at 20, one has none.
TEXTS = [
    (
        " ".join(tiny_bundle.WORDS[5 + (i * 7 + j) % 10] for j in range(i * 11 % 27)),
        None,
    )
    for i in range(100)
]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "tiny"
    tiny_model.write_model(directory / "tflite", tiny_bundle.random_weights(seed=3))
    return directory


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 8)
    monkeypatch.setattr(module, "FEW", 2)


@pytest.fixture
def opened(monkeypatch):
    """The (instances, threads) of every pool that is opened."""
    made = []
    init = InterpreterPool.__init__

    def watched(self, path, buckets, instances, threads=1):
        made.append((instances, threads))
        init(self, path, buckets, instances, threads)

    monkeypatch.setattr(InterpreterPool, "__init__", watched)
    return made


@pytest.mark.parametrize("instances, threads", [(2, 1), (3, 1), (2, 2)])
def test_answers_are_those_of_one_interpreter(
    run_dir, small_blocks, opened, instances, threads
):
    one, many = open_model(run_dir, 1), open_model(run_dir, 1)
    expected = list(answer_with(one, TEXTS))
    assert list(answer_many(many, iter(TEXTS), instances, threads)) == expected
    assert many.num_cut == one.num_cut > 0
    assert len({answer.label for answer in expected}) > 1
    assert opened == [(instances, threads)]


def test_answers_are_the_same_once_words_are_remembered(
    run_dir, small_blocks, monkeypatch
):
    monkeypatch.setattr(remembering_reader, "_MANY_CHARACTERS", 200)
    one, many = open_model(run_dir, 1), open_model(run_dir, 1)
    expected = list(answer_with(one, TEXTS * 2))
    monkeypatch.setattr(
        many, "read", lambda examples: pytest.fail("It was read without memory.")
    )
    assert list(answer_many(many, TEXTS * 2, 2)) == expected
    assert (many.num_cut, many.num_tokens, many.num_unknown) == (
        one.num_cut,
        one.num_tokens,
        one.num_unknown,
    )


def test_interpreters_stay_open_for_the_next_texts(run_dir, small_blocks, opened):
    model = open_model(run_dir, 1)
    expected = list(answer_many(model, TEXTS, 2))
    assert list(answer_many(model, TEXTS, 2)) == expected
    assert opened == [(2, 1)]
    pool = model.pool(2)
    assert list(answer_many(model, TEXTS, 3)) == expected
    assert opened == [(2, 1), (3, 1)]
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(lambda *_: None, [1], [1])


def test_who_wants_no_more_answers_leaves_no_work_behind(run_dir, small_blocks):
    model = open_model(run_dir, 1)
    answers = answer_many(model, TEXTS, 2)
    next(answers)
    pool = model.pool(2)
    answers.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(lambda *_: None, [1], [1])
    assert list(answer_many(model, TEXTS, 2)) == list(answer_with(model, TEXTS))


def test_pairs_are_answered_as_one_interpreter_does(run_dir, tmp_path, small_blocks):
    copied = pathlib.Path(shutil.copytree(run_dir / "tflite", tmp_path / "tflite"))
    tiny_model.edit_model(copied, text_pair=True)
    pairs = [
        (text, other) for (text, _), (other, _) in zip(TEXTS, TEXTS[1:], strict=False)
    ]
    expected = list(answer_with(open_model(copied, 1), pairs))
    assert list(answer_many(open_model(copied, 1), pairs, 2)) == expected


def test_a_few_texts_open_no_further_interpreter(run_dir, opened):
    model = open_model(run_dir, 1)
    few = TEXTS[: module.FEW * 2 - 1]
    assert list(answer_many(model, few, 2)) == list(answer_with(model, few))
    assert list(answer_many(model, TEXTS, 1)) == list(answer_with(model, TEXTS))
    assert opened == []


def test_no_text_is_refused_as_ever(run_dir):
    with pytest.raises(UserError, match="There is no text to answer"):
        list(answer_many(open_model(run_dir, 1), [], 2))


def test_a_text_that_cannot_be_read_is_named_after_the_answers_before_it(
    run_dir, small_blocks
):
    texts = [*TEXTS[:70], ("film \ud83d", None), *TEXTS]
    answers = answer_many(open_model(run_dir, 1), texts, 2)
    assert [next(answers).text for _ in range(70)] == [text for text, _ in TEXTS[:70]]
    with pytest.raises(UserError, match="^Text 71: A text holds half of a surrogate"):
        next(answers)


# Among the first four texts, which decide whether a pool is opened; or behind them.
@pytest.mark.parametrize("number", [0, 1, 3, 4, 45])
@pytest.mark.parametrize("instances", [1, 2])
def test_a_source_that_fails_does_so_after_the_answers_before_it(
    run_dir, small_blocks, number, instances
):
    def broken():
        yield from TEXTS[:number]
        raise UserError("A line is torn.")

    answers = answer_many(open_model(run_dir, 1), broken(), instances)
    given = [next(answers).text for _ in range(number)]
    assert given == [text for text, _ in TEXTS[:number]]
    with pytest.raises(UserError, match=r"^A line is torn\.$"):
        next(answers)


def test_so_many_blocks_are_begun_before_the_first_answer_and_no_more(
    run_dir, small_blocks
):
    source = iter(TEXTS)
    answers = answer_many(open_model(run_dir, 1), source, 2)
    next(answers)
    assert len(list(source)) == len(TEXTS) - module.AHEAD * module.BLOCK
    answers.close()


def test_whoever_stops_early_leaves_no_thread(run_dir, small_blocks):
    answers = answer_many(open_model(run_dir, 1), TEXTS, 2)
    next(answers)
    answers.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("interpreter")]


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ([300, 100, 400, 200, 600, 500], [{600, 500}, {400, 300}, {200, 100}]),
        # Small ones in groups of 128 tokens or more: 100 and 70; the rest, 60 and 5.
        ([60, 100, 5, 600, 400, 70], [{600, 400}, {100, 60}, {70, 5}]),
        # Where there are few, of so many that each interpreter could have four.
        ([1, 12, 2, 11, 2, 1], [{12, 11}, {2, 1}, {2, 1}]),
    ],
)
def test_the_largest_are_begun_first_and_interpreters_are_not_shared(
    run_dir, sizes, expected
):
    description = json.loads((run_dir / "tflite" / "model.json").read_text())
    begun, busy, lock = [], set(), threading.Lock()
    meeting = threading.Barrier(2, timeout=20)  # Both must be at work at once.

    def work(interpreter, item):
        with lock:
            assert id(interpreter) not in busy
            busy.add(id(interpreter))
            begun.append(item)
        meeting.wait()
        with lock:
            busy.remove(id(interpreter))
        meeting.wait()
        return -item

    path = run_dir / "tflite" / "float32.tflite"
    with InterpreterPool(path, description["buckets"], 2) as pool:
        pending = pool.submit(work, sizes, sizes)
        assert [each.result() for each in pending] == [-size for size in sizes]
    assert [set(begun[i : i + 2]) for i in range(0, len(sizes), 2)] == expected


def test_what_a_worker_raises_is_raised_at_its_place(run_dir):
    def work(interpreter, item):
        return 1 // item

    with InterpreterPool(run_dir / "tflite" / "float32.tflite", [16, 20], 2) as pool:
        one, zero = pool.submit(work, [1, 0], [1, 1])
        assert one.result() == 1
        with pytest.raises(ZeroDivisionError):
            zero.result()
