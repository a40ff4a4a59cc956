r"""Fine-tunes a checkpoint with transformers and PyTorch, and prints one JSON line.

    python -m bench.baselines.train --task tag --model DIR --train FILE \
        --validation FILE --test FILE --seed 0

The plainest loop that does what `bert-cpu train` does: AdamW (Loshchilov and Hutter
2017, https://arxiv.org/abs/1711.05101), a rate that climbs and falls in a line, and
the epoch kept that does best in validation. Files are read, and answers measured, by
the project's own code; tokens, models and their training are the libraries'.
"""

import argparse
import copy
import json
import time

import torch
import transformers

from bench.baselines import answer, classify, relate, tag
from bert_cpu.data.split import split_of

_TASKS = {"answer": answer, "classify": classify, "relate": relate, "tag": tag}


def main() -> None:
    options = _parse()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    task = _TASKS[options.task]
    train, validation, test = _read_splits(task, options)
    labels = task.labels_of(train)
    train, validation, test = (
        split[: options.limit] for split in (train, validation, test)
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    model = task.build(options.model, labels)

    def encode(examples):
        return [
            task.encode(example, tokenizer, options.max_length, options.stride)
            for example in examples
        ]

    all_windows = encode(train)
    features = [
        (window, targets)
        for example, windows in zip(train, all_windows, strict=True)
        for window, targets in zip(
            windows, task.targets(example, windows, labels), strict=True
        )
    ]
    validation_windows, test_windows = encode(validation), encode(test)
    optimizer, schedule = _optimizer(model, options, len(features))
    seconds, best, scores, losses = 0.0, None, [], []
    for _ in range(options.epochs):
        started = time.perf_counter()
        losses.append(_train_epoch(model, task, features, optimizer, schedule, options))
        seconds += time.perf_counter() - started
        scores.append(_evaluate(model, task, validation, validation_windows, labels))
        # The first of a task's metrics tells; of equals, the earlier epoch.
        if scores[-1][task.METRICS[0]] > max(
            (score[task.METRICS[0]] for score in scores[:-1]), default=-1.0
        ):
            best = len(scores), copy.deepcopy(model.state_dict())
    best_epoch, weights = best
    model.load_state_dict(weights)
    result = {
        "task": options.task,
        "seed": options.seed,
        "test": _evaluate(model, task, test, test_windows, labels),
        "validation": scores[best_epoch - 1],
        "best_epoch": best_epoch,
        "epochs": options.epochs,
        "train_losses": [round(loss, 4) for loss in losses],
        "examples": [len(train), len(validation), len(test)],
        "train_windows": len(features),
        # Without reading, tokenizing and validation.
        "train_seconds": round(seconds, 1),
        "examples_per_second": round(len(train) * options.epochs / seconds, 2),
        "threads": options.threads,
    }
    print(json.dumps(result), flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", required=True, choices=_TASKS)
    parser.add_argument("--model", required=True, help="a checkpoint's directory")
    parser.add_argument("--train", required=True)
    parser.add_argument("--validation", help="default: one in ten of --train")
    parser.add_argument("--test", help="default: one in ten of --train")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--stride", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--limit", type=int, help="examples of each split, to try it")
    return parser.parse_args()


def _read_splits(task, options):
    """Train, validation and test; one without a file is carved as the project does."""
    splits = {"train": [], "validation": [], "test": []}
    files = {"validation": options.validation, "test": options.test}
    carved = [name for name, path in files.items() if path is None]
    for example in task.read(options.train):
        splits[split_of(task.split_key(example), carved)].append(example)
    for name, path in files.items():
        if path is not None:
            splits[name] = task.read(path)
    return splits.values()


def _optimizer(model, options, num_features):
    """AdamW with a decay of 0.01 for matrices and tables, and the rate's schedule."""
    decayed = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": 0.01},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=options.learning_rate,
    )
    num_steps = options.epochs * -(-num_features // options.batch_size)
    return optimizer, transformers.get_linear_schedule_with_warmup(
        optimizer, num_steps // 10, num_steps
    )


def _train_epoch(model, task, features, optimizer, schedule, options):
    """Gives the mean of its batches' losses."""
    model.train()
    is_mixed = options.dtype == "bfloat16"
    losses = []
    for indices in torch.randperm(len(features)).split(options.batch_size):
        windows, targets = zip(*(features[index] for index in indices), strict=True)
        batch = _inputs(windows)
        for name, padding in task.TARGETS.items():
            values = [each[name] for each in targets]
            is_list = padding is not None
            batch[name] = _pad(values, padding) if is_list else torch.tensor(values)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
            loss = model(**batch).loss
        losses.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return sum(losses) / len(losses)


def _evaluate(model, task, examples, all_windows, labels):
    """The task's metrics; windows of like length share a batch of 32."""
    flat = [window for windows in all_windows for window in windows]
    order = sorted(range(len(flat)), key=lambda index: len(flat[index]))
    outputs = [None] * len(flat)
    model.eval()
    with torch.inference_mode():
        for place in range(0, len(order), 32):
            indices = order[place : place + 32]
            batch = model(**_inputs([flat[index] for index in indices]))
            arrays = {name: value.numpy() for name, value in batch.items()}
            for row, index in enumerate(indices):
                outputs[index] = {name: array[row] for name, array in arrays.items()}
    rest = iter(outputs)
    answers = [
        task.answer(example, windows, [next(rest) for _ in windows], labels)
        for example, windows in zip(examples, all_windows, strict=True)
    ]
    measured = task.measure(examples, answers, labels)
    return {name: round(measured[name], 6) for name in task.METRICS}


def _inputs(windows):
    return {
        "input_ids": _pad([window.ids for window in windows], 0),
        "token_type_ids": _pad([window.type_ids for window in windows], 0),
        "attention_mask": _pad([window.attention_mask for window in windows], 0),
    }


def _pad(lists, padding):
    """Lists of numbers -> int64 `(len(lists), longest)`."""
    return torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(each) for each in lists], batch_first=True, padding_value=padding
    )


if __name__ == "__main__":
    main()
