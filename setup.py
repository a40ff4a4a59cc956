"""The kernel in C++, which setup.cfg can't name. All else about bert_cpu is there."""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("bert_cpu/native")

setup(
    ext_modules=[
        Extension(
            "bert_cpu.native._encoder",
            sorted(str(source) for source in NATIVE.glob("*.cc")),
            depends=sorted(str(header) for header in NATIVE.glob("*.h")),
            language="c++",
            extra_compile_args=[
                "-std=c++17",
                "-O3",
                "-g0",
                "-fvisibility=hidden",
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
            ],
            # Without a compiler, or for another processor, bert_cpu installs without
            # it: int8 models are answered by LiteRT's own kernels.
            optional=True,
        )
    ]
)
