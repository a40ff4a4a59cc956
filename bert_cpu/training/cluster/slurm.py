"""A cluster of the tasks of a Slurm job step, as `srun` starts them.

TensorFlow's `SlurmClusterResolver` reads the same variables, but it puts the hosts
into the order of the alphabet (n10 before n9), where Slurm's ranks have another,
and deals out GPUs, without which it fails. So they are read here.
"""

import re
from collections.abc import Iterator, Mapping

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.cluster import Cluster, make_cluster

_COUNT, _RANK = "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"
_HOSTS, _TASKS = "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE"
# Below the ports that Linux gives to outgoing connections (from 32768), and above
# those of known services.
_FIRST_PORT, _NUM_PORTS = 20000, 12000
_MOST_TASKS = 65536


def read_slurm(environment: Mapping[str, str]) -> Cluster:
    """Reads the variables that `srun` sets for each task of a step.

    A batch script itself is no task of a step: there, and in a step of one task, a
    process is alone. Ports are derived from the numbers of job and step, so that
    two jobs on a host seldom want the same.

    Args:
        environment: the process's variables.

    Raises:
        UserError: if the variables can't be read, don't belong together, or tasks
            are dealt to hosts in another order than by blocks.

    Reference: https://slurm.schedmd.com/srun.html, "Output environment variables".
    """
    if environment.get(_COUNT, "1").strip() in ("", "1"):
        return Cluster()
    try:
        count, rank = int(environment[_COUNT]), int(environment[_RANK])
        if not 1 <= count <= _MOST_TASKS:
            raise ValueError(f"{_COUNT} is {count}")
        hosts = list(expand_hosts(environment[_HOSTS]))
        tasks = list(_expand_counts(environment[_TASKS]))
    except (KeyError, ValueError) as error:
        raise UserError(
            f"Slurm's variables name no step ({type(error).__name__}: {error}). Start "
            "workers with srun, or name them with --cluster and --index."
        ) from error
    if len(hosts) != len(tasks) or sum(tasks) != count or not 0 <= rank < count:
        raise UserError(
            f"Slurm's variables contradict each other: task {rank} of {count}, on "
            f"{len(hosts)} hosts with {sum(tasks)} places. Start workers with srun, or "
            "name them with --cluster and --index."
        )
    places = [
        (host, place)
        for host, num_tasks in zip(hosts, tasks, strict=True)
        for place in range(num_tasks)
    ]
    _check_place(environment, places[rank][0], rank)
    first = _first_port(environment, max(tasks))
    workers = [f"{host}:{first + place}" for host, place in places]
    return make_cluster(workers, rank, "Slurm")


def expand_hosts(hosts: str) -> Iterator[str]:
    """Yields each host of a list such as `a[1-3,07],b`, in its order.

    Raises:
        ValueError: if it is no such list, or has more hosts than a step has tasks.
    """
    whole = r"(?:[^,\[\]\s]|\[[0-9,-]+\])+"
    if not re.fullmatch(f"{whole}(?:,{whole})*", hosts):
        raise ValueError(f"{_HOSTS} is '{hosts[:100]}'")
    found = 0
    for pattern in re.findall(whole, hosts):
        for host in _expand(pattern):
            found += 1
            if found > _MOST_TASKS:
                raise ValueError(f"{_HOSTS} has over {_MOST_TASKS} hosts")
            yield host


def _expand(pattern):
    before, bracket, rest = pattern.partition("[")
    if not bracket:
        yield before
        return
    numbers, _, after = rest.partition("]")
    for part in numbers.split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise ValueError(f"{_HOSTS} has '[{numbers[:100]}]'")
        for number in range(int(first), int(last or first) + 1):
            # Leading zeros are part of the name.
            for ending in _expand(after):
                yield f"{before}{number:0{len(first)}d}{ending}"


def _expand_counts(counts):
    """Yields the number of tasks of each host of a list such as `2(x3),1`."""
    for part in counts.split(","):
        match = re.fullmatch(r"([0-9]{1,6})(?:\(x([0-9]{1,6})\))?", part.strip())
        if match is None:
            raise ValueError(f"{_TASKS} is '{counts[:100]}'")
        yield from [int(match[1])] * int(match[2] or 1)


def _check_place(environment, expected, rank):
    """Refuses tasks that were dealt round the hosts: addresses would be wrong."""
    here = environment.get("SLURMD_NODENAME", "").strip()
    if here and here != expected:
        raise UserError(
            f"Task {rank} of Slurm's step is on '{here}', but by blocks it would be on "
            f"'{expected}'. Start workers with srun --distribution=block."
        )


def _first_port(environment, num_ports):
    """The port of the first task on each host."""
    name = ".".join(
        environment.get(variable, "0").strip()
        for variable in ("SLURM_JOB_ID", "SLURM_STEP_ID")
    )
    # Neighbouring jobs, which often share a host, are far apart.
    job, _, step = name.partition(".")
    mixed = sum(int(part) for part in (job, step) if part.isdecimal()) * 61
    return _FIRST_PORT + mixed % max(1, _NUM_PORTS - num_ports)
