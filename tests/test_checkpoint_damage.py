"""A state on disk that is no longer what was written is found out."""

import hashlib
import json

import hypothesis
import pytest
from hypothesis import strategies as st
from small_state import (
    assert_same,
    make_checkpoints,
    make_variables,
    values_of,
)

from bert_cpu.errors import UserError
from bert_cpu.training.checkpoint import Progress


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def saved(directory):
    """What was saved at step 7, by variables that are gone."""
    variables = make_variables(1)
    make_checkpoints(directory, variables).save(Progress(7))
    return values_of(variables)


@pytest.fixture
def saved_twice(directory, saved):
    """A second one, after the one that `saved` gives."""
    checkpoints = make_checkpoints(directory, make_variables(3))
    checkpoints.save_best(9)
    checkpoints.save(Progress(9))


@pytest.mark.parametrize(
    "name, damage, complaint",
    [
        ("step-00000009.safetensors", "flip", "was changed since."),
        ("step-00000009.safetensors", "cut", "bytes, but"),
        ("step-00000009.safetensors", "delete", "is missing."),
        ("best-00000009.safetensors", "flip", "was changed since."),
        ("best-00000009.safetensors", "delete", "is missing."),
        ("step-00000009.json", "flip", "step-00000009.json' "),
        ("step-00000009.json", "cut", "is not JSON"),
        ("step-00000009.json", "empty", "is not JSON"),
    ],
)
def test_a_damaged_state_costs_the_steps_since_the_one_before(
    directory, saved, saved_twice, name, damage, complaint
):
    path = directory / name
    data = path.read_bytes()
    path.write_bytes(
        {
            "flip": data[:-30] + bytes([data[-30] ^ 1]) + data[-29:],
            "cut": data[:-30],
            "empty": b"",
            "delete": b"",
        }[damage]
    )
    if damage == "delete":
        path.unlink()
    others, said = make_variables(2), []
    again = make_checkpoints(directory, others)
    assert again.restore(said.append) == Progress(7)
    assert_same(others, saved)
    (line,) = said
    assert name in line
    assert complaint in line
    assert line.endswith(" Going on from step 7, the last one that is whole.")
    assert "\n" not in line
    # It is not kept in place of a good one, nor taken for one that is still to come.
    again.save(Progress(8))
    assert [path.name for path in sorted(directory.glob("step-*.json"))] == [
        "step-00000007.json",
        "step-00000008.json",
    ]


def test_a_damaged_state_is_not_kept_in_place_of_a_good_one(
    directory, saved, saved_twice
):
    (directory / "step-00000009.safetensors").write_bytes(b"damaged")
    again = make_checkpoints(directory, make_variables(2))
    again.restore()
    again.save(Progress(12))
    assert [path.name for path in sorted(directory.glob("step-*.json"))] == [
        "step-00000007.json",
        "step-00000012.json",
    ]


@hypothesis.given(data=st.data())
def test_no_flipped_bit_changes_what_is_restored(tmp_path_factory, data):
    directory = tmp_path_factory.mktemp("bits")
    variables = make_variables(1)
    first, second = Progress(7, seconds=1.25), Progress(9, seconds=2.5, epoch=3)
    checkpoints = make_checkpoints(directory, variables)
    checkpoints.save(first)
    states = {7: values_of(variables)}
    for variable, other in zip(variables, make_variables(3), strict=True):
        variable.assign(other)
    checkpoints.save(second)
    states[9] = values_of(variables)
    path = directory / data.draw(
        st.sampled_from(["step-00000009.json", "step-00000009.safetensors"])
    )
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    others = make_variables(2)
    found = make_checkpoints(directory, others).restore()
    # A blank that became another one changes nothing; all else is noticed.
    assert found in (first, second)
    assert_same(others, states[found.step])


def test_a_flipped_bit_is_found(directory, saved):
    path = directory / "step-00000007.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"step-00000007.* was changed since.*--overw"):
        make_checkpoints(directory, make_variables(2)).restore()


def test_a_state_that_was_cut_off_or_deleted_is_refused(directory, saved):
    path = directory / "step-00000007.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"bytes, but [\d,]+ were written.*--overwrite"):
        make_checkpoints(directory, make_variables(2)).restore()
    path.unlink()
    with pytest.raises(UserError, match=r"is missing\. Start again with --overwrite"):
        make_checkpoints(directory, make_variables(2)).restore()


def test_best_weights_that_were_damaged_meanwhile_are_refused(directory):
    checkpoints = make_checkpoints(directory, make_variables(1))
    checkpoints.save_best(3)
    (directory / "best-00000003.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(UserError, match=r"best.*bytes, but .* were written.*--overw"):
        checkpoints.restore_best()


def test_a_description_that_points_elsewhere_is_refused(directory, saved):
    path = directory / "step-00000007.json"
    description = json.loads(path.read_text())
    entry = description["state"].pop("step-00000007.safetensors")
    description["state"]["../outside.safetensors"] = entry
    content = {
        name: description[name]
        for name in ("best", "manifest_sha256", "progress", "state")
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    path.write_text(json.dumps(description | {"sha256": digest.hexdigest()}))
    with pytest.raises(UserError, match="is not a file of"):
        make_checkpoints(directory, make_variables(2)).restore()
