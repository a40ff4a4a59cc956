"""Workers get cores of their own, of one NUMA node where that is possible."""

import dataclasses

import pytest

from bert_cpu.errors import UserError
from bert_cpu.hardware.numa import read_numa_nodes
from bert_cpu.settings import TrainSettings
from bert_cpu.training.choose_workers import choose_workers
from bert_cpu.training.share_cores import share_cores

LARGE = [list(range(8)), list(range(8, 16))]


def write(root, files):
    for name, content in files.items():
        path = root / "sys/devices/system" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_nodes_are_read_with_siblings_side_by_side(tmp_path):
    write(
        tmp_path,
        {
            "node/online": "0-1\n",
            "node/node0/cpulist": "0-1,4-5\n",
            "node/node1/cpulist": "2-3,6-7\n",
        },
    )
    for core in range(8):
        siblings = f"{core % 4},{core % 4 + 4}"
        write(tmp_path, {f"cpu/cpu{core}/topology/thread_siblings_list": siblings})
    nodes = read_numa_nodes(set(range(8)), tmp_path)
    assert nodes == [[0, 4, 1, 5], [2, 6, 3, 7]]
    assert read_numa_nodes({0, 4}, tmp_path) == [[0, 4]]


def test_without_linuxs_files_there_is_one_node(tmp_path):
    assert read_numa_nodes({3, 1}, tmp_path) == [[1, 3]]


def test_shares_keep_to_a_node():
    assert share_cores([[0, 1, 2, 3], [4, 5, 6]], 2) == [{0, 1, 2}, {4, 5, 6}]
    assert share_cores(LARGE, 4)[3] == {12, 13, 14, 15}
    assert share_cores(LARGE, 2, threads=3) == [{0, 1, 2}, {8, 9, 10}]


def test_shares_are_even_where_nodes_do_not_allow_it():
    shares = share_cores(LARGE, 3)
    assert [len(share) for share in shares] == [5, 5, 5]
    assert len(set.union(*shares)) == 15


def test_fewer_cores_than_workers_are_refused():
    with pytest.raises(UserError, match="--workers is 3, .* only 2 cores"):
        share_cores([[0], [1]], 3)


@pytest.mark.parametrize(
    "changes, nodes, cores, workers",
    [
        ({}, LARGE, 16, 2),
        ({}, [[0, 1]], 2, 1),
        ({}, [[0, 1], [2, 3]], 4, 1),
        ({}, LARGE, 4, 1),  # A container's share of a large machine.
        ({"minutes": 1.0}, LARGE, 16, 1),
        ({"batch_size": 9}, LARGE, 16, 1),
        ({"batch_size": 6}, LARGE * 2, 32, 2),
        ({"workers": 4}, LARGE, 16, 4),
    ],
)
def test_a_large_machine_has_a_worker_for_each_node(changes, nodes, cores, workers):
    settings = dataclasses.replace(TrainSettings(), **changes)
    assert choose_workers(settings, nodes, cores).workers == workers
