"""Batches that are padded further than they need be cost every task the same."""

import dataclasses

import keras
import numpy as np
import pytest
import tiny_tasks
from transformers import BertConfig

from bert_cpu.data.pipeline import training_batches
from bert_cpu.data.prepare import prepare_records
from bert_cpu.data.sources.open_source import open_source
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.settings import TrainSettings
from bert_cpu.task_catalog import make_task

_FILES = ("data", "validation", "test")
# Few windows are as long as a multiple of it, and no list of labels.
STEP = 7


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    return tiny_tasks.write_encoders(tmp_path_factory.mktemp("encoders"))


@pytest.mark.parametrize("name", tiny_tasks.CASES)
def test_padding_to_a_step_changes_no_loss(encoders, tmp_path, name):
    case = tiny_tasks.CASES[name]
    options = case.write_files(tmp_path / "data")
    named = zip(options[::2], options[1::2], strict=True)
    given = {flag[2:].replace("-", "_"): value for flag, value in named}
    settings = TrainSettings(
        task=case.task,
        **{key: str(v) if key.startswith(_FILES) else v for key, v in given.items()},
    )
    task = make_task(settings)
    directory = encoders[case.language]
    manifest = prepare_records(
        open_source(settings, task),
        settings,
        load_tokenizer(directory),
        tmp_path / "records",
        task,
    )
    keras.utils.set_random_seed(0)
    config = BertConfig.from_pretrained(directory, initializer_range=0.2)
    encoder = build_encoder(config, 0.0, reads_first_token=task.reads_first_token)
    model = task.build(encoder, manifest.labels, 0.0)

    # Room for what is added to the longest windows.
    manifest = dataclasses.replace(manifest, max_length=64)

    def losses(length_step):
        batches = training_batches(manifest, 8, 0, 0, length_step=length_step)
        costs, widths = [], []
        for batch in batches:
            inputs = {key: batch[key] for key in model.input}
            costs.append(task.losses(batch, model(inputs), 0.0)[0].numpy())
            widths.append(batch["input_ids"].shape[1])
        return np.concatenate(costs), widths

    expected, narrow = losses(1)
    found, wide = losses(STEP)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert sum(wide) > sum(narrow)
