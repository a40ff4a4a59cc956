"""The dtype of what bfloat16 would spoil: tables, sums, norms and softmax."""


def exact_dtype(compute_dtype):
    """What a layer computes with where its matrix products' dtype is too coarse.

    Args:
        compute_dtype: str. Of the layer's matrix products.

    Returns:
        "float64" in a layer that is float64 throughout, as one is that float32 is
        judged by; "float32" in any other.
    """
    return "float64" if compute_dtype == "float64" else "float32"
