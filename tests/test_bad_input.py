"""Every mistake that a user can make is one line, and costs nothing."""

import contextlib
import json
import os
import pathlib
import resource
import shutil
import subprocess

import pytest
from tiny_command import QUICK, bert_cpu, succeed, write_alphabet_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_alphabet_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty directory to stand in, so that files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_copy(reviews_run, here):
    """A trained and converted run, runs/run, to be damaged."""
    return pathlib.Path(shutil.copytree(reviews_run.directory, here / "runs" / "run"))


@pytest.fixture
def train(here, encoder):
    """Types `bert-cpu train` for the run runs/run."""

    def train(data, *options):
        named = ("--encoder", encoder, "--name", "run")
        return bert_cpu("train", "--data", data, *named, *QUICK, *options)

    return train


def write_rows(name, num_rows=60, label=None, text=None):
    lines = ["text,label"]
    for row in range(num_rows):
        words = "film " * (row % 4 + 1) + str(row) if text is None else text(row)
        lines.append(f"{words},{('neg', 'pos')[row % 2] if label is None else label}")
    pathlib.Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def files_of(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def flip(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)


def edit_json(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    content = {key: value for key, value in content.items() if value is not ...}
    path.write_text(json.dumps(content), encoding="utf-8")


# --- the data ---


@pytest.mark.parametrize(
    "name, content, mistake",
    [
        ("no.csv", None, "There is no file 'no.csv'. Check the name."),
        ("a.csv", b"", "'a.csv' has no rows. Give a file with texts in it."),
        (
            "a.csv",
            b"text,label\n",
            "'a.csv' has no rows. Give a file with texts in it.",
        ),
        (
            "a.csv",
            b"text,label\nok,pos\ncaf\xe9,neg\n",
            "a.csv line 3 is not UTF-8 (byte 21 of the file is 0xe9). Save the file as "
            "UTF-8.",
        ),
        (
            "a.csv",
            b"review,stars\nok,5\n",
            "a.csv line 2 has no column 'text' (it has: review, stars). Name one of "
            "them with --text.",
        ),
        (
            "a.jsonl",
            b'{"text": "ok", "stars": 5}\n',
            "a.jsonl line 1 has no column 'label' (it has: text, stars). Name one of "
            "them with --label.",
        ),
        (
            "a.csv",
            b'text,label\nok,pos\n"never closed,neg\nok,pos\n',
            "a.csv line 3 is not well formed (unexpected end of data). Close its "
            'quotes, and write a quote within a quoted field twice ("").',
        ),
        (
            "a.csv",
            b'text,label\nok,pos\n"so "called" film",neg\n',
            "a.csv line 3 is not well formed (',' expected after '\"'). Close its "
            'quotes, and write a quote within a quoted field twice ("").',
        ),
        (
            "a.tsv",
            b"text\tlabel\nok\tpos\nok\n",
            "a.tsv line 3 has 1 columns, but the first row has 2. Quote fields that "
            "hold the separator.",
        ),
        (
            "a.jsonl",
            b'{"text": "ok", "label": "pos"}\n{"text": "ok"\n',
            "a.jsonl line 2 is not well-formed JSON (Expecting ',' delimiter at column "
            "14). Write one JSON object a line.",
        ),
        (
            "a.csv",
            b"text,label\nok,pos\nok,\n",
            "a.csv line 3 has no label (column 'label' is empty). Fill it in, or leave "
            "the row out.",
        ),
        (
            "a.xlsx",
            b"PK",
            "'a.xlsx' ends in '.xlsx', which is not known. Give a file that ends in "
            ".csv, .tsv, .jsonl, .txt.",
        ),
    ],
)
def test_a_file_that_cannot_be_trained_on(train, here, name, content, mistake):
    if content is not None:
        pathlib.Path(name).write_bytes(content)
    assert train(name).mistake == mistake
    assert not list(here.glob("runs/*"))


def test_a_single_class(train):
    assert train(write_rows("a.csv", label="pos")).mistake == (
        "'a.csv' has only the label 'pos', but two or more are needed. Is this the "
        "right column? Name it with --label."
    )


def test_a_label_of_the_test_split_that_training_never_saw(train):
    pathlib.Path("test.csv").write_text("text,label\nok,pos\nfilm,meh\n")
    assert train(write_rows("a.csv"), "--test", "test.csv").mistake == (
        "test.csv line 3 is in the test split and has the label 'meh', which training "
        "never sees (it has: neg, pos). Correct the label, add examples of it to the "
        "training split, or name another column with --label."
    )


def test_a_label_for_each_text(train):
    pathlib.Path("a.csv").write_text(
        "label,text\n" + "".join(f"{row},film {row}\n" for row in range(60))
    )
    said = train("a.csv").mistake
    assert said.startswith("a.csv line ")
    assert "which training never sees (it has: 0, " in said
    assert said.endswith("or name another column with --label.")


def test_too_few_rows_to_split(train):
    # By the hash of their texts, all of these are in the training split.
    rows = write_rows("a.csv", 3, text=lambda row: ("a", "b", "d")[row])
    assert train(rows).mistake == (
        "The validation split of 'a.csv' is empty. Give more texts, or a file of its "
        "own with --validation."
    )


def test_a_directory_that_is_not_prepared(train):
    os.mkdir("texts")
    assert train("texts").mistake == (
        "--data 'texts' is a directory, but not one of prepared records (it has no "
        "manifest.json). Give a csv, tsv or jsonl file, or prepare one with `bert-cpu "
        "prepare`."
    )


def test_a_data_set_that_is_not_known(train):
    said = train("tfds:nowhere").mistake
    assert said.startswith("There is no data set 'tfds:nowhere'. Ours are bbc_news, ")


def test_only_empty_texts(train):
    rows = [write_rows("a.csv")]
    for split in ("validation", "test"):
        pathlib.Path(f"{split}.csv").write_text('text,label\n"",pos\n" ",neg\n')
        rows += [f"--{split}", f"{split}.csv"]
    assert train(*rows).mistake == (
        "The validation split of 'a.csv' has only empty texts. Look at its column "
        "'text'."
    )


def test_empty_and_long_texts_are_counted_and_said(here, encoder):
    rows = write_rows(
        "a.csv", text=lambda row: (f"film {row}", " ", f"long {'x' * 20}")[row % 3]
    )
    said = succeed("prepare", "--data", rows, "--encoder", encoder, "--max-length", 20)
    manifest = json.loads((here / "records" / "manifest.json").read_text())
    splits = manifest["splits"].values()
    assert sum(split["empty_texts"] for split in splits) == 20
    assert sum(split["cut_texts"] for split in splits) == 20
    assert sum(split["examples"] for split in splits) == 40
    train = manifest["splits"]["train"]
    assert (
        f"train: {train['examples']} examples; {train['cut_texts']} texts were longer "
        f"than 20 tokens and cut, {train['empty_texts']} were empty and left out"
    ) in said.err.splitlines()


# --- prepared records ---


@pytest.fixture(scope="module")
def prepared(encoder, tmp_path_factory):
    directory = tmp_path_factory.mktemp("prepared")
    rows = write_rows(directory / "a.csv")
    for form in ("tfrecord", "hdf5"):
        made = ("--output", directory / form, "--record-format", form)
        length = ("--max-length", 20)
        succeed("prepare", "--data", rows, "--encoder", encoder, *made, *length)
    return directory


def first_record_bytes(path):
    """The length of the first record, by TFRecord's own format."""
    return int.from_bytes(path.read_bytes()[:8], "little") + 16


@pytest.mark.parametrize(
    "damage, place",
    [
        (lambda path: flip(path, 20), "0"),
        (lambda path: flip(path, first_record_bytes(path) + 14), "second"),
        (lambda path: os.truncate(path, path.stat().st_size - 1), "last"),
    ],
)
def test_a_damaged_shard_is_named_with_the_place(
    here, encoder, prepared, damage, place
):
    shutil.copytree(prepared / "tfrecord", "records")
    path = here / "records" / "train-00000-of-00001.tfrecord"
    second = first_record_bytes(path)
    damage(path)
    said = bert_cpu("train", "--data", "records", "--encoder", encoder).mistake
    found = int(said.split("at byte ")[1].split()[0].replace(",", ""))
    why = said.split(f"at byte {found:,} ")[1].split(".")[0]
    assert why in ("has a wrong length CRC", "has a wrong data CRC", "is cut off")
    assert said == (
        f"'{path}' is damaged: the record at byte {found:,} {why}. Prepare the data "
        "again. Or leave damaged records out by --skip-damaged."
    )
    if place == "last":
        assert second < found < path.stat().st_size
    else:
        assert found == (second if place == "second" else 0)


@pytest.mark.parametrize(
    "form, name, damage, mistake",
    [
        (
            "tfrecord",
            "test-00000-of-00001.tfrecord",
            lambda path: path.unlink(),
            "/records/test-00000-of-00001.tfrecord' is missing. Prepare the data "
            "again.",
        ),
        (
            "hdf5",
            "train.h5",
            lambda path: flip(path, 3000),
            "it was changed since. Prepare the data again.",
        ),
        (
            "tfrecord",
            "manifest.json",
            lambda path: edit_json(path, version=2),
            "/records/manifest.json' has format 'bert_cpu.records', version 2, but "
            "'bert_cpu.records', version 1 is read here. Prepare the data again.",
        ),
        (
            "tfrecord",
            "manifest.json",
            lambda path: edit_json(path, labels=...),
            "/records/manifest.json' has other fields than were written (KeyError: "
            "'labels'). Prepare the data again.",
        ),
    ],
)
def test_changed_records(here, encoder, prepared, form, name, damage, mistake):
    shutil.copytree(prepared / form, "records")
    damage(pathlib.Path("records") / name)
    said = bert_cpu("train", "--data", "records", "--encoder", encoder).mistake
    assert said.endswith(mistake)


@pytest.mark.parametrize(
    "options, mistake",
    [
        (
            ("--max-length", 30),
            "--max-length is 30, but '{}/records' was prepared with 20. Leave the "
            "option out, or prepare the data again.",
        ),
        (
            ("--stem", "english"),
            "--stem is english, but '{}/records' was prepared with none. Leave the "
            "option out, or prepare the data again.",
        ),
    ],
)
def test_options_that_come_too_late(here, encoder, prepared, options, mistake):
    shutil.copytree(prepared / "tfrecord", "records")
    typed = ("--data", "records", "--encoder", encoder, *options)
    assert bert_cpu("train", *typed).mistake == mistake.format(here)


def test_records_of_another_tokenizer(here, prepared):
    write_alphabet_encoder(here / "other", "abc")
    shutil.copytree(prepared / "tfrecord", "records")
    said = bert_cpu("train", "--data", "records", "--encoder", "other").mistake
    assert said == (
        f"'{here}/records' was prepared with another tokenizer than that of 'other'. "
        "Prepare it again with --encoder other."
    )


def test_prepare_keeps_what_is_there(here, encoder, prepared):
    os.mkdir("records")
    pathlib.Path("records/diary.txt").write_text("dear")
    typed = ("prepare", "--data", write_rows("a.csv"), "--encoder", encoder)
    for options in ((), ("--overwrite",)):
        assert bert_cpu(*typed, *options).mistake.startswith("'records' exists. ")
    assert pathlib.Path("records/diary.txt").read_text() == "dear"
    said = bert_cpu("prepare", "--data", prepared / "tfrecord").mistake
    assert said.endswith("is prepared already: train on it.")


# --- the encoder ---


@pytest.mark.parametrize(
    "changes, mistake",
    [
        (
            {"model_type": "roberta"},
            "'changed/config.json' describes a model of type 'roberta', but only "
            "'bert' is read. Choose a BERT checkpoint.",
        ),
        (
            {"intermediate_size": 100},
            "'changed/model.safetensors' has tensor "
            "'encoder.layer.0.intermediate.dense.weight' of shape (96, 32), but its "
            "config.json means (100, 32). Use the config.json that belongs to the "
            "weights.",
        ),
        (
            {"num_hidden_layers": 2},
            "'changed/model.safetensors' has no tensor "
            "'encoder.layer.1.attention.self.query.weight', so it is not a whole BERT "
            "checkpoint. Choose one in the Hugging Face layout.",
        ),
        (
            {"max_position_embeddings": 16},
            "--max-length is 24, but 'changed' has only 16 positions. Ask for 16 or "
            "fewer.",
        ),
        (
            {"vocab_size": 10},
            "words, but a model with 10. Use the vocab.txt that belongs to it.",
        ),
        (
            {"hidden_act": "mish"},
            "config.json has hidden_act 'mish', but only gelu, gelu_new, "
            "gelu_pytorch_tanh, relu, silu, swish are known. Choose another "
            "checkpoint.",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit(train, encoder, here, changes, mistake):
    shutil.copytree(encoder, "changed")
    edit_json(here / "changed" / "config.json", **changes)
    assert train(write_rows("a.csv"), "--encoder", "changed").mistake.endswith(mistake)
    assert not list(here.glob("runs/*"))


@pytest.mark.parametrize(
    "name, mistake",
    [
        (
            "config.json",
            "'changed/config.json' is missing. Give a directory in the Hugging Face "
            "layout.",
        ),
        (
            "vocab.txt",
            "'changed' has neither tokenizer.json nor vocab.txt. Add the one that the "
            "checkpoint was trained with.",
        ),
        (
            "model.safetensors",
            "'changed/model.safetensors' is missing. Save the checkpoint as "
            "safetensors.",
        ),
    ],
)
def test_a_checkpoint_that_lacks_a_file(train, encoder, name, mistake):
    shutil.copytree(encoder, "changed")
    os.unlink(f"changed/{name}")
    assert train(write_rows("a.csv"), "--encoder", "changed").mistake == mistake


def test_a_model_that_is_too_large_is_refused_before_it_is_read(train, encoder, here):
    shutil.copytree(encoder, "huge")
    edit_json(
        here / "huge" / "config.json",
        hidden_size=8192,
        num_hidden_layers=96,
        num_attention_heads=64,
        intermediate_size=32768,
    )
    # Whoever read the weights would stumble over them.
    os.unlink("huge/model.safetensors")
    said = train(write_rows("a.csv"), "--encoder", "huge").mistake
    # 77.4 G weights, each with two copies of its gradient and two moments, of 4 bytes
    # each: 1547 GB at the least, and more for what they compute.
    assert said.startswith("Training needs about ")
    assert 1547 < float(said.split()[3]) < 2 * 1547
    assert " GB of memory, but " in said
    assert said.endswith(
        "are available. Choose a smaller encoder, fewer --workers or more "
        "--freeze-layers."
    )


@pytest.mark.parametrize(
    "name, mistake",
    [
        (
            "no/such/place",
            "--encoder 'no/such/place' is no directory here. Give minilm, a directory "
            "in the Hugging Face layout, or a hub id.",
        ),
        (
            "a.csv",
            "--encoder 'a.csv' is a file, but must be a directory with config.json, "
            "model.safetensors and a tokenizer.",
        ),
    ],
)
def test_an_encoder_that_is_not_there(train, name, mistake):
    assert train(write_rows("a.csv"), "--encoder", name).mistake == mistake


def test_an_encoder_that_the_hub_does_not_give(train):
    # HF_HUB_OFFLINE is set in tests: the hub's client refuses by itself.
    said = train(write_rows("a.csv"), "--encoder", "no-such-bert").mistake
    assert said.startswith(
        "--encoder 'no-such-bert' is no directory here, and could not be had from the "
        "hub ("
    )
    assert said.endswith("Check the name and the connection, or give a directory.")


def test_more_frozen_layers_than_there_are(train, encoder):
    assert train(write_rows("a.csv"), "--freeze-layers", 2).mistake == (
        f"--freeze-layers is 2, but '{encoder}' has only 1 layers."
    )


def test_more_kept_layers_than_there_are(train, encoder):
    assert train(write_rows("a.csv"), "--keep-layers", 2).mistake == (
        f"--keep-layers is 2, but '{encoder}' has only 1 layers."
    )


# --- the run ---


def test_a_run_that_exists_stays(train, run_copy):
    before = files_of(run_copy)
    assert train(write_rows("a.csv")).mistake == (
        "'runs/run' exists. Go on with it by --resume, replace it by --overwrite, or "
        "choose another --name."
    )
    assert files_of(run_copy) == before


@pytest.mark.parametrize("data", ["no.csv", "broken.csv", "huge"])
def test_a_run_stays_when_what_would_replace_it_cannot_start(
    train, run_copy, encoder, data
):
    before = files_of(run_copy)
    pathlib.Path("broken.csv").write_text('text,label\nok,pos\n"never closed,neg\n')
    if data == "huge":
        shutil.copytree(encoder, "huge")
        edit_json(pathlib.Path("huge/config.json"), intermediate_size=1_000_000_000)
        outcome = train(write_rows("a.csv"), "--overwrite", "--encoder", "huge")
    else:
        outcome = train(data, "--overwrite")
    assert outcome.mistake
    assert files_of(run_copy) == before
    assert [path.name for path in run_copy.parent.iterdir()] == ["run"]


def test_a_directory_that_is_no_run_is_not_overwritten(train):
    os.makedirs("runs/run")
    pathlib.Path("runs/run/diary.txt").write_text("dear")
    assert train(write_rows("a.csv"), "--overwrite").mistake == (
        "'runs/run' is not a run (it has no config.json), so --overwrite does not "
        "delete it. Choose another --name."
    )
    assert pathlib.Path("runs/run/diary.txt").read_text() == "dear"


def test_nothing_to_resume(train):
    assert train(write_rows("a.csv"), "--resume").mistake == (
        "There is no run 'runs/run'. Train one with `bert-cpu train --name run`."
    )


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_a_run_that_is_not_there(run_copy, command):
    assert bert_cpu(command, "--name", "mine").mistake == (
        "There is no run 'runs/mine'. There are: run. Train one with `bert-cpu train "
        "--name mine`."
    )


def test_a_place_that_cannot_hold_runs(train):
    pathlib.Path("file").touch()
    for runs_dir in ("file", "/dev/null"):
        said = train(write_rows("a.csv"), "--runs-dir", runs_dir).mistake
        assert said.startswith(f"'{runs_dir}")


def test_a_loss_that_is_not_a_number_keeps_the_last_good_state(train):
    rows = write_rows("a.csv")
    batches = ("--batch-size", 16)
    outcome = train(rows, *batches, "--learning-rate", "1e30")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == (
        "bert-cpu: The loss became nan at step 2 (epoch 1). The last checkpoint is "
        "kept in 'runs/run/checkpoints'. Go on from it with --resume and a lower "
        "--learning-rate than 1e+30."
    )
    assert outcome.err.count("bert-cpu: ") == 1
    assert "Traceback" not in outcome.err
    # And what it advises is possible.
    assert train(rows, *batches, "--resume", "--learning-rate", "1e-4").code == 0


# --- a disk that is full ---


@pytest.fixture
def small_disk(here):
    """A file system of its own, and a function that changes its size."""
    place = here / "disk"
    place.mkdir()

    def resize(kilobytes, *options):
        size = ",".join([f"size={kilobytes}k", *options])
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)],
            check=True,
            capture_output=True,
        )

    try:
        resize(4)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this process may not mount")
    yield resize
    with contextlib.suppress(OSError):
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_before_training(train, small_disk):
    said = train(write_rows("a.csv"), "--runs-dir", "disk").mistake
    assert said.startswith("The disk is full: 'disk/run")
    assert said.endswith("Make room, then run the command again.")
    assert not os.listdir("disk")


def test_a_disk_that_fills_up_while_training(train, small_disk):
    """The checkpoint of before is whole: with more room the run goes on from it."""
    rows = write_rows("a.csv")
    # For one state of 560 kB and the best weights, but not for a second state.
    small_disk(1000, "remount")
    outcome = train(rows, "--runs-dir", "disk")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith(
        "bert-cpu: The disk is full: 'disk/run/checkpoints/step-00000001.safetensors' "
        "could not be written ("
    )
    assert outcome.err.count("bert-cpu: ") == 1
    assert "Traceback" not in outcome.err
    small_disk(4000, "remount")
    assert train(rows, "--runs-dir", "disk", "--resume").code == 0


@pytest.mark.parametrize("largest", [100, 3000])
def test_a_file_that_may_not_grow(train, here, largest):
    """What `ulimit -f` does: no room for the settings, or not for the first state."""
    rows = write_rows("a.csv")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, limits[1]))
    try:
        outcome = train(rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (outcome.code, outcome.out) == (2, "")
    said = outcome.err.splitlines()[-1]
    assert said.startswith("bert-cpu: A file may not grow further (ulimit -f): '")
    assert "runs/run/" in said
    assert "Traceback" not in outcome.err
    assert os.listdir("runs") == []


# --- a bundle or a converted model that was changed ---


@pytest.mark.parametrize("command", ["evaluate", "export"])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_changed_bundle(run_copy, command, name):
    path = run_copy / "bundle" / name
    flip(path, path.stat().st_size // 2)
    before = files_of(run_copy)
    said = bert_cpu(command, "--name", "run").mistake
    assert said.startswith(f"'runs/run/bundle/{name}' has sha256 ")
    assert said.endswith(
        "was written: it was changed since. Train it again, or copy the bundle again "
        "from where it came."
    )
    assert files_of(run_copy) == before


@pytest.mark.parametrize(
    "changes, mistake",
    [
        ({"labels": ["pos", "neg"]}, "has a model with labels ('pos', 'neg'), but "),
        ({"labels": "np"}, 'says that labels is "np", which no model has. '),
        ({"max_length": 12}, "has a model with max_length 12, but records with 24. "),
        ({"max_length": "long"}, 'says that max_length is "long", which no model '),
        ({"files": {}}, "has no 'config.json'. Train it again"),
        ({"task": "ner"}, "was trained for the task 'ner', but only answer, "),
        ({"preprocess": ...}, "has no 'preprocess'. Train it again"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_a_changed_description_of_a_bundle(run_copy, command, changes, mistake):
    edit_json(run_copy / "bundle" / "bert_cpu.json", **changes)
    assert mistake in bert_cpu(command, "--name", "run").mistake


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_a_changed_model_answers_nothing(run_copy, variant):
    path = run_copy / "tflite" / f"{variant}.tflite"
    flip(path, path.stat().st_size // 2)
    said = bert_cpu("predict", "runs/run", "film", "--variant", variant).mistake
    assert said.startswith(f"'runs/run/tflite/{variant}.tflite' has sha256 ")
    assert said.endswith("Convert the run again with `make tflite NAME=…`.")


@pytest.mark.parametrize(
    "changes, mistake",
    [
        ({"labels": ["a", "b", "c"]}, "The model tells 2 labels apart, but its "),
        ({"labels": 5}, "says that labels is 5, which no model has. Convert "),
        ({"max_length": 500}, "says that buckets are [16, 24], but they must be "),
        ({"buckets": [7]}, "says that buckets are [7], but they must be lengths"),
        ({"buckets": ...}, "has no 'buckets'. Convert the run again"),
        ({"files": {}}, ".tflite'. Convert the run again with "),
        ({"chosen": "../x"}, "The model has no '../x.tflite'. Choose a variant that "),
        ({"task": "ner"}, "has a model for the task 'ner', but this program answers"),
        ({"version": 2}, "has format 'bert_cpu.tflite', version 2, but "),
        ({"text_pair": True}, "The model reads a pair of texts at a time, but got "),
    ],
)
def test_a_changed_description_of_a_model(run_copy, changes, mistake):
    edit_json(run_copy / "tflite" / "model.json", **changes)
    assert mistake in bert_cpu("predict", "runs/run", "film").mistake


def test_a_run_that_is_not_converted(run_copy):
    shutil.rmtree(run_copy / "tflite")
    assert bert_cpu("predict", "runs/run", "film").mistake == (
        "'runs/run' has no converted model. Run `make tflite NAME=run` first."
    )


def test_what_is_no_run_is_not_to_be_converted(run_copy):
    """Neither a folder of anything, nor the bundle of a run, has a NAME for make."""
    for other in ("runs", "runs/run/bundle"):
        assert bert_cpu("predict", other, "film").mistake == (
            f"'{other}' has no converted model (no model.json), and is no run that "
            "could be converted. Name a run, such as runs/NAME."
        )
    assert bert_cpu("predict", "runs/run/config.json", "film").mistake == (
        "'runs/run/config.json' is a file, but a directory with a converted model was "
        "expected. Name a run, such as runs/NAME."
    )


def test_damaged_records_of_a_run(run_copy):
    flip(run_copy / "records" / "train-00000-of-00001.tfrecord", 20)
    said = bert_cpu("evaluate", "--name", "run", "--split", "train").mistake
    assert "is damaged: the record at byte 0 has a wrong data CRC" in said
    assert succeed("evaluate", "--name", "run", "--split", "validation").out


def test_settings_that_cannot_be_read(run_copy):
    (run_copy / "config.json").write_bytes(b"\xff")
    said = bert_cpu("evaluate", "--name", "run").mistake
    assert said.startswith("'runs/run/config.json' does not hold the settings of a run")


# --- the texts to answer ---


@pytest.mark.parametrize(
    "options, stdin, mistake",
    [
        (("--file", "no.csv"), b"", "There is no file 'no.csv'. Check the name."),
        (
            ("--file", "a.csv", "--text", "say"),
            b"",
            "a.csv line 2 has no column 'say' (it has: text, label). Name one of them "
            "with --text.",
        ),
        (
            (),
            b"caf\xe9\n",
            "Line 1 of standard input is not UTF-8 (byte 3 of it). Convert the texts "
            "to UTF-8.",
        ),
        ((), b"", "There is no text to answer. Give at least one."),
        (
            ("one", "--pair", "two"),
            b"",
            "Text 1: The model reads one text at a time, but got a pair of texts. Give "
            "it what it was trained on.",
        ),
    ],
)
def test_texts_that_cannot_be_answered(reviews_run, here, options, stdin, mistake):
    write_rows("a.csv", 3)
    outcome = bert_cpu("predict", reviews_run.directory, *options, stdin=stdin)
    assert outcome.mistake == mistake


def test_a_line_without_a_second_text_is_told(reviews_run):
    outcome = bert_cpu("predict", reviews_run.directory, "--text-pair=b", stdin=b"one")
    assert outcome.code == 2
    assert outcome.out == (
        "error\tLine 1 of standard input has no tab between two texts. Put one there, "
        "or leave out --text-pair.\n"
    )
    assert outcome.err == (
        "bert-cpu: 1 of 1 text could not be answered. Their lines say why: mend them, "
        "or leave them out.\n"
    )


def test_what_was_answered_before_a_mistake_stays(reviews_run, here):
    outcome = bert_cpu("predict", reviews_run.directory, stdin=b"film\ncaf\xe9\n")
    assert outcome.code == 2
    assert outcome.out.count("\n") == 1
    assert outcome.err.startswith("bert-cpu: Line 2 of standard input is not UTF-8")


def test_a_variant_that_there_is_not(reviews_run):
    said = bert_cpu("predict", reviews_run.directory, "x", "--variant", "int4").mistake
    assert said.startswith("--variant is 'int4', but must be one of '")
    assert said.count("'") == 6, "None is no variant"
