"""The pictures of a run, each with the words that go under it."""

from bert_cpu.report.attended import draw_attended
from bert_cpu.report.bars import draw_latency, draw_lengths
from bert_cpu.report.confusion import MAX_LABELS, draw_confusion
from bert_cpu.report.curves import draw_loss, draw_validation
from bert_cpu.report.one_line import one_line
from bert_cpu.report.palette import SERIES
from bert_cpu.report.picture import Picture, make_picture
from bert_cpu.report.read_run import Run
from bert_cpu.report.spoken import metric_names, spoken
from bert_cpu.report.text_map import draw_map


def draw_pictures(run: Run) -> list[Picture]:
    """Draws what the files of `run` have the numbers for."""
    pictures = [
        _loss(run),
        _validation(run),
        _confusion(run),
        _map(run),
        *_attended(run),
        _lengths(run),
        _latency(run),
    ]
    return [picture for picture in pictures if picture is not None]


def _loss(run: Run) -> Picture | None:
    return make_picture(
        draw_loss(run.steps, run.epochs),
        "Loss and learning rate",
        "损失与学习率",
        "The pale line is each step as logged, the strong one its moving average. "
        "Upright lines end epochs.",
        [
            ("first", "training loss"),
            ("second", "validation loss"),
            ("third", "learning rate"),
        ],
    )


def _validation(run: Run) -> Picture | None:
    names = metric_names(run.metrics)[:2]
    return make_picture(
        draw_validation(run.epochs, names),
        "Validation after each epoch",
        "每轮验证",
        f"The number is the best {spoken(names[0])}. The axis does not start at zero.",
        list(zip(("first", "second"), map(spoken, names), strict=False)),
    )


def _confusion(run: Run) -> Picture | None:
    labels = run.metrics.get("labels", [])
    caption = "Test texts. A cell is as deep as its share of the true label's row."
    if len(labels) > MAX_LABELS:
        caption += (
            f" Of {len(labels)} labels, these {MAX_LABELS} are confused most; "
            "the shares count all labels."
        )
    matrix = run.metrics.get("test", {}).get("confusion_matrix", [])
    return make_picture(
        draw_confusion(labels, matrix),
        "Confusion matrix",
        "混淆矩阵",
        caption,
    )


def _map(run: Run) -> Picture | None:
    return make_picture(
        draw_map(run.mapped),
        "Where texts lie",
        "文本分布图",
        "Vectors of test texts along their two main directions (PCA). A line joins a "
        "pair: it is short if the model knows that the two belong together.",
        [("first", "first text"), ("second", "second text")],
    )


def _attended(run: Run) -> list[Picture | None]:
    return [
        make_picture(
            draw_attended(line, number),
            "From the question to its answer",
            "从问题看向答案",
            f"{one_line(str(line.get('question')), 300)} A row is a token of the "
            "question, a column one of the context, the answer's in bold; depth is how "
            "much the one takes from the other. Of all heads, those that take most "
            "from the answer, with the share.",
        )
        for number, line in enumerate(run.attended)
    ]


def _lengths(run: Run) -> Picture | None:
    data = run.metrics.get("data", {})
    caption = "Training texts, with their special tokens."
    if "cut_texts" in data:
        caption += f" Texts of all splits that were cut: {data['cut_texts']:,}."
    return make_picture(
        draw_lengths(data.get("length_histogram", {}), run.config.get("max_length")),
        "Text lengths",
        "文本长度",
        caption,
    )


def _latency(run: Run) -> Picture | None:
    latencies = {
        str(variant.get("name")): variant.get("latency_ms", {})
        for variant in run.tflite.get("variants", [])
    }
    names = list(latencies)
    return make_picture(
        draw_latency(latencies),
        "Milliseconds for one text",
        "单条文本延迟（毫秒）",
        "TensorFlow Lite on the machine that converted the model; lower is better.",
        [(SERIES[index % len(SERIES)], name) for index, name in enumerate(names)],
    )
