"""A computer that is not there: the files by which Linux tells what it has."""

from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.encoder_shape import EncoderShape

GIB = 1 << 30
XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8481C
flags\t\t: fpu sse4_2 avx fma avx2 avx512f avx512_bf16 avx512_vnni avx_vnni amx_bf16 \
amx_tile amx_int8

processor\t: 1
vendor_id\t: GenuineIntel
model\t\t: 143
model name\t: the second, which is not asked
flags\t\t: fpu
"""
GRAVITON = """\
processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm aes sha1 crc32 sve asimddp i8mm bf16 rng
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd40
"""
VERSION_2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
VERSION_1 = (
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
MINILM = EncoderShape(30522, 384, 6, 12, 1536, 512)
BERT_BASE = EncoderShape(30522, 768, 12, 12, 3072, 512)


def write_computer(root, files):
    """8 online cores, 16 GiB and no control groups, but for what the files say."""
    defaults = {
        "proc/cpuinfo": XEON,
        "proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n",
        "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-7\n",
        "sys/devices/system/cpu/online": "0-7\n",
        "sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0,4\n",
        "sys/devices/system/node/online": "0-1\n",
        "sys/devices/system/cpu/cpu0/cache/index0/level": "1\n",
        "sys/devices/system/cpu/cpu0/cache/index0/size": "48K\n",
        "sys/devices/system/cpu/cpu0/cache/index2/level": "2\n",
        "sys/devices/system/cpu/cpu0/cache/index2/size": "2048K\n",
        "sys/devices/system/cpu/cpu0/cache/index3/level": "3\n",
        "sys/devices/system/cpu/cpu0/cache/index3/size": "107520K\n",
    }
    for name, text in (defaults | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
    return read_hardware(root)
