"""The parts in C++, which setup.cfg can't name. All else about bert_cpu is there."""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("bert_cpu/native")


def extension(name: str, folder: Path, *options: str) -> Extension:
    return Extension(
        f"bert_cpu.native.{name}",
        sorted(str(source) for source in folder.glob("*.cc")),
        depends=sorted(str(header) for header in folder.glob("*.h")),
        language="c++",
        extra_compile_args=[
            "-std=c++17",
            "-O3",
            "-g0",
            "-fvisibility=hidden",
            *options,
        ],
        # Without a compiler, or for another processor, bert_cpu installs without it:
        # int8 models are answered by LiteRT's own kernels, and Python prepares data.
        optional=True,
    )


setup(
    ext_modules=[
        extension(
            "_encoder",
            NATIVE,
            "-mfma",
            "-mavx512f",
            "-mavx512bw",
            "-mavx512dq",
            "-mavx512vl",
            "-mavx512vnni",
            "-mavx512bf16",
            # GCC 12 takes its own headers' undefined vectors for a mistake.
            "-Wno-maybe-uninitialized",
            "-Wno-uninitialized",
        ),
        # For every processor.
        extension("_prepare", NATIVE / "prepare"),
    ]
)
