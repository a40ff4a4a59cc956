"""The parts in C++, which setup.cfg can't name. All else about bert_cpu is there."""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("bert_cpu/native")
# Of AVX512, what the kernel for int8 encoders needs; training needs bfloat16, too.
AVX512 = [
    "-mfma",
    "-mavx512f",
    "-mavx512bw",
    "-mavx512dq",
    "-mavx512vl",
    "-mavx512vnni",
    # GCC 12 takes its own headers' undefined vectors for a mistake.
    "-Wno-maybe-uninitialized",
    "-Wno-uninitialized",
]


def extension(name: str, folder: Path, options: list[str], *others: Path) -> Extension:
    return Extension(
        f"bert_cpu.native.{name}",
        sorted(map(str, [*folder.glob("*.cc"), *others])),
        depends=sorted(map(str, [*folder.glob("*.h"), *NATIVE.glob("*.h")])),
        language="c++",
        extra_compile_args=[
            "-std=c++17",
            "-O3",
            "-g0",
            "-fvisibility=hidden",
            *options,
        ],
        libraries=["dl"],
        # Without a compiler, or for another processor, bert_cpu installs without it:
        # LiteRT's and TensorFlow's own kernels work, and Python prepares data.
        optional=True,
    )


setup(
    ext_modules=[
        extension("_encoder", NATIVE, AVX512),
        extension(
            "_training",
            NATIVE / "training",
            [*AVX512, "-mavx512bf16"],
            NATIVE / "cubic_table.cc",
        ),
        # For every processor.
        extension("_prepare", NATIVE / "prepare", []),
    ]
)
