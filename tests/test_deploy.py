"""The manifests in deploy/ are valid, and set what the workers read."""

import copy
import json
import os
import pathlib
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml

from bert_cpu import cli
from bert_cpu.errors import UserError
from bert_cpu.training.cluster.read_cluster import read_cluster

DEPLOY = pathlib.Path(__file__).resolve().parent.parent / "deploy"
TFJOB_SCHEMA = json.loads(
    pathlib.Path(__file__)
    .with_name("reference")
    .joinpath("tfjob.schema.json")
    .read_text()
)
# The first with all that the Job uses (its podFailurePolicy), and the newest known.
VERSIONS = ("1.31", kubernetes_validate.latest_version())
NAMESPACE = "team"


def read(name):
    text = (DEPLOY / name).read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text))


def check_native(resource):
    for version in VERSIONS:
        kubernetes_validate.validate(resource, version, strict=True)


def check_tfjob(tfjob):
    """As the operator's CRD and webhook do, with pods as Kubernetes checks them."""
    jsonschema.validate(tfjob, TFJOB_SCHEMA, jsonschema.Draft202012Validator)
    for replicas in tfjob["spec"]["tfReplicaSpecs"].values():
        check_native(
            {
                "apiVersion": "v1",
                "kind": "PodTemplate",
                "metadata": {"name": "pods"},
                "template": replicas["template"],
            }
        )


@pytest.fixture
def service():
    return read("indexed-job.yaml")[0]


@pytest.fixture
def job():
    return read("indexed-job.yaml")[1]


@pytest.fixture
def tfjob():
    (tfjob,) = read("tfjob.yaml")
    return tfjob


def container_of(template):
    (container,) = template["spec"]["containers"]
    return container


def environments_of_job(job):
    """What Kubernetes gives the pods of an indexed Job, by their number."""
    set_by_us = {
        entry["name"]: entry["value"]
        for entry in container_of(job["spec"]["template"])["env"]
    }
    return [
        set_by_us | {"JOB_COMPLETION_INDEX": str(index)}
        for index in range(job["spec"]["completions"])
    ]


def environments_of_tfjob(tfjob):
    """What the operator gives each pod: `genTFConfigJSONStr` of its tensorflow.go."""
    cluster, name = {}, tfjob["metadata"]["name"]
    for kind, replicas in tfjob["spec"]["tfReplicaSpecs"].items():
        kind, count = kind.lower(), replicas.get("replicas", 1)
        (port,) = (
            port["containerPort"]
            for port in container_of(replicas["template"])["ports"]
            if port["name"] == "tfjob-port"
        )
        cluster[kind] = [
            f"{name}-{kind}-{index}.{NAMESPACE}.svc:{port}" for index in range(count)
        ]
    return [
        {
            "TF_CONFIG": json.dumps(
                {
                    "cluster": cluster,
                    "task": {"type": kind, "index": index},
                    "environment": "cloud",
                }
            )
        }
        for kind, hosts in cluster.items()
        for index in range(len(hosts))
    ]


def test_the_indexed_job_and_its_service_are_valid(service, job):
    assert (service["kind"], job["kind"]) == ("Service", "Job")
    check_native(service)
    check_native(job)


def test_the_tfjob_is_valid(tfjob):
    check_tfjob(tfjob)


@pytest.mark.parametrize(
    "path, value",
    [
        (("spec", "completion"), 2),
        (("spec", "completions"), "two"),
        (("spec", "podFailurePolicy", "rules", 0, "onExitCodes"), {"values": [2]}),
        (("spec", "template", "spec", "restart"), "Never"),
        (("spec", "template", "spec", "containers", 0, "env", 0, "value"), 2),
    ],
)
def test_a_mistake_in_the_job_is_found(job, path, value):
    with pytest.raises(kubernetes_validate.ValidationError):
        check_native(changed(job, path, value))


WORKER = ("spec", "tfReplicaSpecs", "Worker")


@pytest.mark.parametrize(
    "path, value, message",
    [
        (("apiVersion",), "kubeflow.org/v2", "kubeflow.org/v1"),
        (("metadata", "name"), "1-train", "does not match"),
        (("spec", "tfReplicaSpec"), {}, "'tfReplicaSpec' was unexpected"),
        (("spec", "tfReplicaSpecs", "Workers"), {}, "'Workers' was unexpected"),
        ((*WORKER, "replicas"), "2", "not of type 'integer'"),
        ((*WORKER, "restartPolicy"), "Sometimes", "not one of"),
        (
            (*WORKER, "template", "spec", "containers", 0, "name"),
            "worker",
            "does not contain",
        ),
        (
            (*WORKER, "template", "spec", "containers", 0, "port"),
            2222,
            "'port' was unexpected",
        ),
    ],
)
def test_a_mistake_in_the_tfjob_is_found(tfjob, path, value, message):
    with pytest.raises(jsonschema.ValidationError, match=message):
        check_tfjob(changed(tfjob, path, value))


def changed(resource, path, value):
    resource = copy.deepcopy(resource)
    place = resource
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return resource


def test_the_pods_of_the_job_find_each_other(service, job):
    clusters = [read_cluster(environment) for environment in environments_of_job(job)]
    assert len(clusters) == 2
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["parallelism"] == spec["completions"]
    # Kubernetes calls a pod JOB-INDEX, and a pod in a subdomain POD.SUBDOMAIN, if a
    # headless service is called like the subdomain and chooses the pod.
    expected = tuple(
        f"{job['metadata']['name']}-{index}.{pod['subdomain']}" for index in range(2)
    )
    (port,) = container_of(spec["template"])["ports"]
    for index, cluster in enumerate(clusters):
        assert cluster.index == index
        assert cluster.workers == tuple(
            f"{host}:{port['containerPort']}" for host in expected
        )
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"] == {
        "batch.kubernetes.io/job-name": job["metadata"]["name"]
    }
    assert [each["port"] for each in service["spec"]["ports"]] == [
        port["containerPort"]
    ]


def test_the_workers_of_the_tfjob_find_each_other(tfjob):
    clusters = [read_cluster(each) for each in environments_of_tfjob(tfjob)]
    assert [cluster.index for cluster in clusters] == [0, 1]
    assert {cluster.workers for cluster in clusters} == {
        (
            "bert-cpu-train-worker-0.team.svc:2222",
            "bert-cpu-train-worker-1.team.svc:2222",
        )
    }


def test_a_tfjob_may_have_a_chief_and_no_parameter_server(tfjob):
    replicas = tfjob["spec"]["tfReplicaSpecs"]
    one = copy.deepcopy(replicas["Worker"]) | {"replicas": 1}
    with_chief = changed(tfjob, ("spec", "tfReplicaSpecs", "Chief"), one)
    check_tfjob(with_chief)
    clusters = [read_cluster(each) for each in environments_of_tfjob(with_chief)]
    chief = next(cluster for cluster in clusters if cluster.is_chief)
    assert chief.workers[0] == "bert-cpu-train-chief-0.team.svc:2222"
    assert sorted(cluster.index for cluster in clusters) == [0, 1, 2]
    with_server = changed(tfjob, ("spec", "tfReplicaSpecs", "PS"), one)
    check_tfjob(with_server)
    with pytest.raises(UserError, match="TF_CONFIG has ps in its cluster"):
        read_cluster(environments_of_tfjob(with_server)[0])


@pytest.mark.parametrize("has_checkpoint", [False, True])
@pytest.mark.parametrize("kind", ["job", "tfjob"])
def test_the_command_of_a_pod_is_one_and_goes_on_with_a_checkpoint(
    kind, has_checkpoint, request, tmp_path
):
    resource = request.getfixturevalue(kind)
    spec = resource["spec"]
    if kind == "tfjob":
        spec = spec["tfReplicaSpecs"]["Worker"]
    container = container_of(spec["template"])
    (mount,) = container["volumeMounts"]
    volume = tmp_path / "volume"
    checkpoints = volume / "runs" / "train" / "checkpoints"
    checkpoints.mkdir(parents=True)
    if has_checkpoint:
        (checkpoints / "step-00000012.json").touch()
    (script,) = container["args"]
    settings = cli._parse(
        words_for_bert_cpu(
            [*container["command"], script.replace(mount["mountPath"], str(volume))],
            tmp_path,
        )
    )
    assert settings.resume is has_checkpoint
    assert (settings.data, settings.name) == (str(volume / "records"), "train")
    assert settings.runs_dir == str(volume / "runs")
    # A TFJob's pods stay when another is lost; those of a Job are all made again.
    assert settings.restarts == (4 if kind == "tfjob" else 0)


def words_for_bert_cpu(command, directory):
    """What a shell's command would give to bert-cpu."""
    program = directory / "bin" / "bert-cpu"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    result = subprocess.run(
        command,
        env={"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.splitlines()


def test_the_two_manifests_differ_only_in_who_runs_them(job, tfjob):
    """What is mended in one is not forgotten in the other."""
    pods = [
        job["spec"]["template"],
        tfjob["spec"]["tfReplicaSpecs"]["Worker"]["template"],
    ]
    first, second = (container_of(pod) for pod in pods)
    for field in ("image", "command", "resources", "volumeMounts"):
        assert first[field] == second[field], field
    for field in ("terminationGracePeriodSeconds", "volumes"):
        assert pods[0]["spec"][field] == pods[1]["spec"][field], field
