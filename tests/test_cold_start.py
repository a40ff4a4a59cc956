"""One text in a new process: only what it needs is imported, read and prepared."""

import gc
import hashlib
import io
import pathlib
import shutil
import subprocess
import sys
import weakref

import numpy as np
import pytest
import tiny_bundle
import tiny_model
from ai_edge_litert.interpreter import Interpreter

from bert_cpu.commands.leave_at_once import keep_until_left, let_go
from bert_cpu.errors import UserError
from bert_cpu.hardware.answering import Answering
from bert_cpu.no_search_for_garbage import no_search_for_garbage
from bert_cpu.runtime import bucketed_interpreter, tflite_model
from bert_cpu.runtime.begin_reading import begin_reading
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.runtime.keep_one_signature import keep_one_signature
from bert_cpu.runtime.read_ahead import ReadAhead
from bert_cpu.runtime.tflite_model import TFLiteModel
from bert_cpu.serving.answer import open_model
from bert_cpu.task_catalog import restore_task

BUCKETS = [16, 20]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A converted model, of which float32 is chosen."""
    path = tmp_path_factory.mktemp("runs") / "tiny" / "tflite"
    tiny_model.write_model(path, tiny_bundle.random_weights(seed=3))
    return path


@pytest.fixture
def copied(directory, tmp_path):
    """The same, to be changed."""
    return pathlib.Path(shutil.copytree(directory, tmp_path / "tflite"))


@pytest.fixture
def opened(monkeypatch):
    """What interpreters were opened with: "model_content" or "model_path"."""
    kinds = []

    def spy(**options):
        kinds.extend(name for name in options if name.startswith("model_"))
        return Interpreter(**options)

    monkeypatch.setattr(bucketed_interpreter, "Interpreter", spy)
    return kinds


def content_of(path):
    return io.BytesIO(path.read_bytes())


def inputs(length, bucket):
    padded = np.zeros((3, 1, bucket), np.int32)
    padded[0, 0, :length] = [2] + [9] * (length - 2) + [3]
    padded[2, 0, :length] = 1
    names = ("input_ids", "token_type_ids", "attention_mask")
    return dict(zip(names, padded, strict=True))


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_model_of_one_signature_answers_as_the_whole_file(directory, bucket):
    path = directory / "float32.tflite"
    whole = Interpreter(model_path=str(path))
    cut = keep_one_signature(content_of(path), f"serve_{bucket}")
    one = Interpreter(model_content=cut)
    assert list(one.get_signature_list()) == [f"serve_{bucket}"]
    assert len(whole.get_signature_list()) == len(BUCKETS)
    expected, actual = (
        each.get_signature_runner(f"serve_{bucket}")(**inputs(9, bucket))
        for each in (whole, one)
    )
    np.testing.assert_array_equal(actual["logits"], expected["logits"])


def test_a_model_without_the_signature_is_not_cut(directory):
    content = content_of(directory / "float32.tflite")
    assert keep_one_signature(content, "serve_17") is None


@pytest.mark.parametrize("damage", ["short", "garbage"])
def test_what_is_no_model_is_not_cut(directory, damage):
    whole = (directory / "float32.tflite").read_bytes()
    content = whole[:40] if damage == "short" else b"\xff" * len(whole)
    assert keep_one_signature(io.BytesIO(content), "serve_16") is None


def test_a_graph_beside_those_of_the_signatures_keeps_the_file_whole(directory):
    """It may be called by another, as the body of a loop is, by its number."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    model = schema.ModelT.InitFromObj(
        schema.Model.GetRootAs((directory / "float32.tflite").read_bytes())
    )
    builder = flatbuffers.Builder()
    model.signatureDefs.pop()
    builder.Finish(model.Pack(builder), b"TFL3")
    (left,) = (each.signatureKey.decode() for each in model.signatureDefs)
    content = io.BytesIO(bytes(builder.Output()))
    assert keep_one_signature(content, left) is None


def test_the_first_length_prepares_one_signature_and_the_second_all(directory, opened):
    path = directory / "float32.tflite"
    whole = BucketedInterpreter(path, BUCKETS, 1)
    assert opened == ["model_path"]
    one_by_one = BucketedInterpreter(path, BUCKETS, 1, content_of(path))
    assert opened == ["model_path"]
    seen = []
    for length in (17, 18, 5, 20, 16):
        ids = [2] + [9] * (length - 2) + [3]
        actual = one_by_one.run_ids(ids, [0] * length)["logits"]
        seen.append(len(opened))
        expected = whole.run_ids(ids, [0] * length)["logits"]
        np.testing.assert_array_equal(actual, expected)
    assert opened == ["model_path", "model_content", "model_path"]
    assert seen == [2, 2, 3, 3, 3]


def test_a_file_that_can_not_be_cut_is_opened_whole(directory, opened):
    path = directory / "float32.tflite"
    model = BucketedInterpreter(path, BUCKETS, 1, io.BytesIO(b"\xff" * 100))
    assert model.run_ids([2, 3], [0, 0])["logits"].shape == (3,)
    assert opened == ["model_path"]


def test_one_text_prepares_one_signature(directory, opened):
    model = open_model(directory.parent, 1)
    assert opened == []
    model.answer("a quiet film")
    model.answer("a lovely film")
    assert opened == ["model_content"]


def test_a_pool_beside_it_leaves_a_model_no_content_to_hold(directory, opened):
    model = open_model(directory.parent, 1)
    expected = open_model(directory.parent, 1).answer("a quiet film")
    with model.pool(1):
        assert model.answer("a quiet film") == expected
    assert opened == ["model_content", "model_path"]


def test_what_is_read_ahead_is_hashed_as_it_is(directory):
    path = directory / "float32.tflite"
    expected = path.read_bytes()
    reading = ReadAhead(path, len(expected))
    assert reading.sha256() == hashlib.sha256(expected).hexdigest()
    assert reading.take_content().getvalue() == expected


def test_a_file_of_another_size_is_not_read_ahead(directory):
    path = directory / "float32.tflite"
    assert ReadAhead(path, path.stat().st_size + 1).sha256() == ""


def test_what_can_not_be_read_ahead_is_said_when_it_is_needed(tmp_path):
    reading = ReadAhead(tmp_path / "nowhere", 3)
    for ask in (reading.sha256, reading.take_content):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            ask()


@pytest.mark.parametrize("in_run", [True, False])
@pytest.mark.parametrize(
    "variant, refuses_int8, file",
    [
        (None, False, "int8.tflite"),
        ("float32", False, "float32.tflite"),
        (None, True, "float32.tflite"),
        ("int8", True, "int8.tflite"),
    ],
)
def test_the_file_that_will_be_opened_is_read_ahead(
    copied, monkeypatch, in_run, variant, refuses_int8, file
):
    tiny_model.edit_model(copied, chosen="int8")
    place = copied.parent if in_run else copied
    reading = begin_reading(place, variant, refuses_int8)
    assert reading.path == copied / file
    monkeypatch.setattr(tflite_model, "ReadAhead", None)  # It needs no other.
    answering = Answering(1, 1, 1, refuses_int8)
    assert open_model(place, 1, variant, answering, reading).answer("a film").label


@pytest.mark.parametrize("variant", ["int4", "../x"])
def test_what_is_not_there_is_not_read_ahead(directory, variant):
    assert begin_reading(directory, variant, False) is None
    assert begin_reading(directory / "nowhere", None, False) is None


def test_another_file_that_was_read_ahead_is_not_taken(directory, tmp_path):
    other = tmp_path / "float32.tflite"
    other.write_bytes(b"x" * 10)
    reading = ReadAhead(other, 10)
    model = TFLiteModel.open(directory, restore_task, 1, "float32", reading)
    assert model.answer("a quiet film") == open_model(directory, 1).answer(
        "a quiet film"
    )


def test_a_change_while_it_is_read_ahead_is_found(copied):
    """What runs is what was hashed, not what the file holds by then."""
    path = copied / "float32.tflite"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    reading = begin_reading(copied, None, False)
    reading.sha256()
    path.write_bytes(whole)
    with pytest.raises(UserError, match="it was changed since"):
        open_model(copied, 1, reading=reading)


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_predict_imports_little(directory):
    done = run_python(
        "import sys; from bert_cpu.cli import main\n"
        "assert main(['predict', sys.argv[1], '--json', 'a film']) == 0\n"
        "from bert_cpu.commands import leave_at_once\n"
        "assert not leave_at_once._KEPT\n"
        "slow = ('tyro', 'rich', 'argparse', 'csv', 'logging', 'shutil', 'psutil',\n"
        "        'bert_cpu.settings', 'bert_cpu.subcommands', 'bert_cpu.tasks.tag',\n"
        "        'importlib.metadata', 'concurrent.futures', \n"
        "        'bert_cpu.hardware.tuned_profile', 'bert_cpu.serving.answer_many')\n"
        "print([name for name in slow if name in sys.modules], file=sys.stderr)",
        directory,
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's files")
def test_one_thread_answers_where_one_was_asked_for(directory):
    """NumPy would start one more for each further core."""
    done = run_python(
        "import gc, os, sys; from bert_cpu.cli import main\n"
        "os.environ['TOKENIZERS_PARALLELISM'] = 'false'  # It has its own.\n"
        "words = ['predict', sys.argv[1], '--json', '--threads', '1', 'a film']\n"
        "assert main(words) == 0\n"
        "print(len(os.listdir('/proc/self/task')), gc.isenabled(), file=sys.stderr)",
        directory,
    )
    assert (done.returncode, done.stderr) == (0, "1 True\n")


@pytest.mark.parametrize("text, code", [("a film", 0), ("", 0), ("\udcff", 2)])
def test_predict_as_a_program_says_all_and_leaves_at_once(directory, text, code):
    done = run_python(
        "import ast, atexit, sys; from bert_cpu.cli import main\n"
        "atexit.register(print, 'late')\n"
        "sys.argv[1:] = ['predict', sys.argv[1], ast.literal_eval(sys.argv[2])]\n"
        "main()\n"
        "print('later')",
        directory,
        ascii(text),
    )
    assert done.returncode == code
    assert "late" not in done.stdout
    assert done.stdout.count("\n") == (code == 0)
    assert done.stderr.count("\n") == (code == 2)


def test_other_commands_leave_as_python_does():
    done = run_python(
        "import atexit, sys; from bert_cpu.cli import main\n"
        "atexit.register(print, 'late')\n"
        "sys.argv[1:] = ['fsck', 'nowhere']\n"
        "sys.exit(main())"
    )
    assert (done.returncode, done.stdout) == (2, "late\n")


@pytest.mark.parametrize(
    "index, code, printed",
    [("None", 0, ""), ("None", 130, "late\n"), ("0", 0, "late\n")],
)
def test_training_leaves_at_once_if_it_is_done_and_alone(index, code, printed):
    done = run_python(
        "import atexit, sys; from bert_cpu import cli\n"
        "from bert_cpu.subcommands import Train\n"
        "atexit.register(print, 'late')\n"
        f"Train.run = lambda command: {code}\n"
        f"index = {index}\n"
        "given = ['train', '--data', 'texts.csv']\n"
        "if index is not None:\n"
        "    given += ['--cluster', 'a:1,b:1', '--index', str(index)]\n"
        "sys.argv[1:] = given\n"
        "sys.exit(cli.main())"
    )
    assert (done.returncode, done.stdout) == (code, printed), done.stderr


def test_what_can_not_be_said_is_left_to_python():
    done = run_python(
        "import sys; from bert_cpu.commands.leave_at_once import leave_at_once\n"
        "sys.stdout = open('/dev/full', 'w'); print('lost')\n"
        "leave_at_once(3)\n"
        "sys.stdout = None; leave_at_once(4)"
    )
    assert done.returncode == 4


def test_a_model_is_kept_until_the_process_is_left_or_goes_on():
    class Model:
        pass

    model = Model()
    freed = weakref.ref(model)
    keep_until_left(model)
    del model
    assert freed() is not None
    let_go()
    assert freed() is None


def test_garbage_is_looked_for_again():
    with no_search_for_garbage():
        assert not gc.isenabled()
        with no_search_for_garbage():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
