"""Names of metrics as people write them."""

from collections.abc import Mapping
from typing import Any

# English and Chinese.
_NAMES = {
    "accuracy": ("accuracy", "准确率"),
    "average_precision": ("average precision", "平均精度"),
    "exact_match": ("exact match", "完全匹配"),
    "f1": ("F1", "F1 值"),
    "macro_f1": ("macro-F1", "宏平均"),
    "masked_accuracy": ("masked-word accuracy", "掩码准确率"),
    "micro_f1": ("micro-F1", "微平均"),
    "mrr": ("mean reciprocal rank", "平均倒数排名"),
    "mrr_at_5": ("mean reciprocal rank within five", "前五名内平均倒数排名"),
    "pearson": ("Pearson", "皮尔逊"),
    "precision": ("precision", "精确率"),
    "recall": ("recall", "召回率"),
    "recall_at_1": ("recall@1", "召回率@1"),
    "recall_at_10": ("recall@10", "召回率@10"),
    "spearman": ("Spearman", "斯皮尔曼"),
}


def spoken(metric: str) -> str:
    """Turns a key of `metrics.json` into words: `macro_f1` is "macro-F1"."""
    return _NAMES.get(metric, (metric.replace("_", " "), ""))[0]


def spoken_chinese(metric: str) -> str:
    """The same in Chinese, or nothing if it is not known."""
    return _NAMES.get(metric, ("", ""))[1]


def metric_names(metrics: Mapping[str, Any]) -> list[str]:
    """Which measures a `metrics.json` has to show, the most important first."""
    return list(metrics.get("metrics") or ("accuracy", "macro_f1"))
