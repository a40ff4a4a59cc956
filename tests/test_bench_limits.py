"""The machine's limits: the best of all kernels, whichever of them fail."""

from fake_workplace import fake_workplace

from bench.contestants import Entry
from bench.limits import measure_limits


def test_a_kernel_that_dies_takes_no_other_with_it(tmp_path, monkeypatch):
    run = tmp_path / "run"
    monkeypatch.setenv("KERNELS_RUN", str(run))
    entries = {
        name: Entry("fake_kernels", "ours")
        for name in ("kernels of ours", "kernels of the peers")
    }
    limits = measure_limits(fake_workplace(tmp_path, entries), 3)
    assert list(limits) == ["float32", "memory"]
    assert limits["float32"] | {"rates": None} == {
        "value": 3.0,
        "unit": "GFLOP/s",
        "kernel": "fast",
        "rates": None,
        "notes": [],
    }
    assert limits["memory"]["value"] == 5.0
    lines = [line.split() for line in run.read_text().splitlines()]
    kinds = ["float32", "bfloat16", "int8", "memory"]
    assert [line[1:] for line in lines] == [[kind, "3"] for kind in kinds * 2]
    # Each began anew behind the kernel that died, and else went on.
    assert len({number for number, *_ in lines}) == 4
