"""The index finds what sorting all cosines finds, and notices what was changed."""

import json
import pathlib
import re

import numpy as np
import pytest
from damaging import flip
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from bert_cpu.errors import UserError
from bert_cpu.serving import vector_search
from bert_cpu.serving.vector_search import Hit, VectorIndex

TEXTS = ["a lovely film", "一部好电影", 'line\nbreak, "quotes" and \u2028', "😀", ""]


def random_rows(count, dim=16, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype("float32")
    return [f"text {row}" for row in range(count)], vectors


def make_index(directory, texts, vectors, **options):
    VectorIndex.write(directory, zip(texts, vectors, strict=True), **options)
    return VectorIndex.open(directory)


def longhand(vectors, query, top):
    """Rows by cosine, and by their place where it is equal."""
    vectors, query = np.float64(vectors), np.float64(query)
    cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    ranked = sorted(range(len(vectors)), key=lambda row: (-cosines[row], row))
    return ranked[:top], cosines[ranked[:top]]


@pytest.mark.parametrize("block", [7, 2**15])
@pytest.mark.parametrize("top", [1, 10, 500])
def test_hits_are_scikit_learns_neighbours(tmp_path, monkeypatch, block, top):
    monkeypatch.setattr(vector_search, "_ROWS", block)
    monkeypatch.setattr(vector_search, "_QUERIES", 3)
    texts, vectors = random_rows(300)
    _, queries = random_rows(8, seed=1)
    index = make_index(tmp_path / "index", texts, vectors)
    found = list(index.search(queries, top))
    search = NearestNeighbors(metric="cosine", algorithm="brute").fit(vectors)
    distances, rows = search.kneighbors(queries, min(top, 300))
    assert [[hit.row for hit in hits] for hits in found] == rows.tolist()
    scores = [[hit.score for hit in hits] for hits in found]
    # Both from float32 vectors of length 1.
    np.testing.assert_allclose(scores, 1 - distances, rtol=0, atol=1e-6)
    for hits in found:
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        assert all(hit.text == texts[hit.row] for hit in hits)


@given(
    vectors=st.lists(
        # Few directions, of lengths that divide exactly: most rows have an equal.
        st.tuples(*[st.sampled_from([-1, 1])] * 4).map(np.array)
        | st.tuples(*[st.sampled_from([-4, 4])] * 4).map(np.array),
        min_size=1,
        max_size=40,
    ),
    query=st.tuples(*[st.sampled_from([-1, 1])] * 4),
    top=st.integers(1, 45),
    block=st.integers(1, 9),
)
def test_of_equal_scores_the_earlier_text_comes_first(
    tmp_path_factory, vectors, query, top, block
):
    directory = tmp_path_factory.mktemp("index") / "index"
    index = make_index(directory, map(str, range(len(vectors))), vectors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_search, "_ROWS", block)
        (hits,) = index.search([query], top)
    rows, cosines = longhand(vectors, query, top)
    assert [hit.row for hit in hits] == rows
    np.testing.assert_array_equal([hit.score for hit in hits], cosines)


def test_equal_vectors_have_equal_scores_wherever_they_stand(tmp_path):
    texts, vectors = random_rows(1003, dim=384)
    vectors[[5, 500, 998, 1002]] = vectors[17]
    index = make_index(tmp_path / "index", texts, vectors)
    _, query = random_rows(1, dim=384, seed=2)
    (hits,) = index.search(vectors[17] + 0.5 * query, top=5)
    assert [hit.row for hit in hits] == [5, 17, 500, 998, 1002]
    assert len({hit.score for hit in hits}) == 1


def test_an_index_keeps_its_texts_and_its_source(tmp_path):
    _, vectors = random_rows(len(TEXTS))
    source = {"model_sha256": "ab", "列": "正文"}
    index = make_index(tmp_path / "index", TEXTS, vectors, source=source)
    assert (index.texts, index.source, index.dim, len(index)) == (TEXTS, source, 16, 5)
    (hits,) = index.search([vectors[1]], top=1)
    assert hits == [Hit(rank=1, score=hits[0].score, text="一部好电影", row=1)]
    assert hits[0].score == pytest.approx(1, abs=1e-6)


def test_float16_takes_half_the_room_and_changes_cosines_little(tmp_path):
    texts, vectors = random_rows(50, dim=384)
    whole = make_index(tmp_path / "whole", texts, vectors)
    half = make_index(tmp_path / "half", texts, vectors, dtype="float16")
    sizes = [
        (tmp_path / name / "vectors.bin").stat().st_size for name in ("whole", "half")
    ]
    assert sizes == [50 * 384 * 4, 50 * 384 * 2]
    scores = []
    for index in (whole, half):
        (hits,) = index.search([vectors[0] + vectors[1]], top=50)
        scores.append({hit.row: hit.score for hit in hits})
    differences = [abs(scores[0][row] - scores[1][row]) for row in range(50)]
    assert 0 < max(differences) < 1e-3


def test_rows_and_queries_are_taken_one_by_one(tmp_path):
    _, vectors = random_rows(3)
    VectorIndex.write(tmp_path / "index", ((str(i), v) for i, v in enumerate(vectors)))
    taken = []

    def queries():
        for number in range(1000):
            taken.append(number)
            yield vectors[number % 3]

    next(VectorIndex.open(tmp_path / "index").search(queries(), top=1))
    assert len(taken) <= 32


def test_a_new_index_takes_the_place_of_an_old_one(tmp_path):
    make_index(tmp_path / "index", *random_rows(9))
    assert len(make_index(tmp_path / "index", *random_rows(2))) == 2


def test_a_failed_index_leaves_the_old_one(tmp_path):
    make_index(tmp_path / "index", *random_rows(9))
    with pytest.raises(UserError, match="There is no text to index. Give at least"):
        VectorIndex.write(tmp_path / "index", [])
    assert len(VectorIndex.open(tmp_path / "index")) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("kind", ["directory", "other index.json", "file"])
def test_what_is_no_index_is_left_as_it_is(tmp_path, kind):
    target = tmp_path / "thesis"
    if kind == "file":
        precious = target
    else:
        target.mkdir()
        precious = target / ("index.json" if "json" in kind else "chapter.txt")
    precious.write_text("{}")
    with pytest.raises(UserError, match="thesis.* is no index|has format None"):
        make_index(target, *random_rows(1))
    assert precious.read_text() == "{}"


@pytest.mark.parametrize(
    "rows, message",
    [
        ([("a", [1, 2]), ("b", [1, 2, 3])], "Text 2 has a vector of 3 numbers, but th"),
        ([("a", [0, 0])], "Text 1 has a vector of length 0.0, which points nowhere."),
        ([("a", [1, np.nan])], "Text 1 has a vector of length nan, which points"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        VectorIndex.write(tmp_path / "index", rows)
    assert not list(tmp_path.iterdir())


def test_queries_that_cannot_be_answered_are_refused(tmp_path):
    index = make_index(tmp_path / "index", *random_rows(4))
    with pytest.raises(UserError, match=r"^Query 2 has 8 numbers, but the index has v"):
        list(index.search([np.ones(16), np.ones(8)]))
    with pytest.raises(UserError, match=r"^--top is 0, but must be 1 or more\.$"):
        list(index.search([np.ones(16)], top=0))


@pytest.mark.parametrize("name", ["vectors.bin", "texts.jsonl"])
@pytest.mark.parametrize(
    "damage, message",
    [
        (
            lambda path: flip(path, 9),
            "was changed since. Delete the index; the next search builds",
        ),
        (pathlib.Path.unlink, "is missing. Delete the index"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, but .* were w"),
    ],
)
def test_a_damaged_file_is_noticed(tmp_path, name, damage, message):
    make_index(tmp_path / "index", *random_rows(4))
    damage(tmp_path / "index" / name)
    with pytest.raises(UserError, match=f"{name}.*{message}"):
        VectorIndex.open(tmp_path / "index")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"format": "bert_cpu.bundle"}, "has format 'bert_cpu.bundle', version 1"),
        ({"version": 2}, "version 2, but 'bert_cpu.vector_index', version 1 is read"),
        ({"dim": "16"}, """says that dim is "16", which no index has. Delete the"""),
        ({"dtype": "object"}, 'says that dtype is "object", which no index has.'),
        ({"files": {}}, "says that files is {}, which no index has."),
        ({"count": 5}, "says 5 vectors of 16 numbers, but its files hold 4 texts"),
        ({"count": None}, "has no 'count'. Delete the index"),
    ],
)
def test_a_description_that_is_wrong_is_noticed(tmp_path, changes, message):
    make_index(tmp_path / "index", *random_rows(4))
    path = tmp_path / "index" / "index.json"
    description = json.loads(path.read_text()) | changes
    description = {k: value for k, value in description.items() if value is not None}
    path.write_text(json.dumps(description))
    with pytest.raises(UserError, match=re.escape(message)):
        VectorIndex.open(tmp_path / "index")


def test_float32_sums_do_not_decide_between_near_rows(tmp_path):
    texts, vectors = random_rows(2000, dim=384)
    # So near to one another that float32 can't tell most of them apart.
    vectors = vectors[0] + 1e-4 * vectors
    index = make_index(tmp_path / "index", texts, vectors)
    (hits,) = index.search([vectors[0]], top=100)
    stored = np.fromfile(tmp_path / "index" / "vectors.bin", "<f4").reshape(2000, 384)
    unit = np.float64(vectors[0] / np.linalg.norm(vectors[0]))
    expected = np.argsort(-(np.float64(stored) @ unit), kind="stable")[:100]
    assert [hit.row for hit in hits] == expected.tolist()
