"""Every overlay renders, is valid for Kubernetes, and keeps the rules of the house."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from config import health
from diagnosis import status_server
from ml.cli import build_parser
from ml.recipes import RECIPES
from tests.config.test_settings_table import table
from tests.support.kustomize import kubectl, render

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("minimal", "production", "gpu")
FOLDERS = [*(K8S / "overlays" / name for name in OVERLAYS), K8S / "training"]
# the oldest that we promise and one of this year
VERSIONS = ("1.27", "1.35")
CUSTOM = ("keda.sh/", "monitoring.coreos.com/")
WORKLOADS = ("Deployment", "StatefulSet", "Job")
RENDERED = {folder.name: render(folder) for folder in FOLDERS}
every_folder = pytest.mark.parametrize("name", RENDERED)
every_overlay = pytest.mark.parametrize("name", OVERLAYS)


def named(entry: dict) -> str:
    return f"{entry['kind']}/{entry['metadata']['name']}"


def of_kind(name: str, *kinds: str) -> list[dict]:
    return [entry for entry in RENDERED[name] if entry["kind"] in kinds]


def find(name: str, what: str) -> dict:
    return next(entry for entry in RENDERED[name] if named(entry) == what)


def pod_of(workload: dict) -> dict:
    return workload["spec"]["template"]["spec"]


def containers(name: str) -> Iterator[tuple[str, dict]]:
    for workload in of_kind(name, *WORKLOADS):
        for container in pod_of(workload)["containers"]:
            yield named(workload), container


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_real_kustomize_renders_the_same(folder: Path) -> None:
    program = kubectl()
    if program is None:
        pytest.skip("this machine has no kubectl of 1.27 or newer")
    done = subprocess.run(
        [program, "kustomize", str(folder)], capture_output=True, text=True, check=True
    )
    theirs = {named(entry): entry for entry in yaml.safe_load_all(done.stdout)}
    assert theirs == {named(entry): entry for entry in RENDERED[folder.name]}
    assert done.stderr == ""


@every_folder
@pytest.mark.parametrize("version", VERSIONS)
def test_core_resources_are_valid(name: str, version: str) -> None:
    core = [entry for entry in RENDERED[name] if not entry["apiVersion"].startswith(CUSTOM)]
    assert len(core) > 5
    for entry in core:
        kubernetes_validate.validate(entry, version, strict=True)


def test_validation_can_fail() -> None:
    wrong = find("minimal", "Service/nevus-web") | {"spec": {"selektor": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@every_folder
def test_nothing_is_there_twice(name: str) -> None:
    names = [named(entry) for entry in RENDERED[name]]
    assert len(set(names)) == len(names)


@every_folder
def test_no_secret_lies_here(name: str) -> None:
    assert of_kind(name, "Secret") == []
    for config in of_kind(name, "ConfigMap"):
        for key, value in config["data"].items():
            secret = "secret" in table().get(key, ("", ""))[0]
            assert not secret or re.fullmatch(r"\w+://(\w+@)?[^:@]+:\d+/\w+(\?.*)?", value), key


@every_folder
def test_pods_have_no_rights(name: str) -> None:
    accounts = {entry["metadata"]["name"]: entry for entry in of_kind(name, "ServiceAccount")}
    for workload in of_kind(name, *WORKLOADS):
        pod = pod_of(workload)
        assert pod["automountServiceAccountToken"] is False
        assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for where, container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, where
        assert {"cpu", "memory"} <= set(container["resources"]["limits"]), where
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), where


@every_folder
def test_whatever_is_mounted_is_there(name: str) -> None:
    claims = {entry["metadata"]["name"] for entry in of_kind(name, "PersistentVolumeClaim")}
    for workload in of_kind(name, *WORKLOADS):
        pod = pod_of(workload)
        templates = workload["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        known = set(volumes) | {entry["metadata"]["name"] for entry in templates}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= known
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or claim["claimName"] in claims


@every_overlay
def test_every_setting_exists(name: str) -> None:
    """What the pods are given is in the table of settings, or is the entry point's."""
    known = set(table()) | {
        f"{key}_FILE" for key, (marks, _) in table().items() if "secret" in marks
    }
    known |= {"NEVUS_QUEUES"}
    given = set(find(name, "ConfigMap/nevus-settings")["data"])
    for where, container in containers(name):
        if container["image"].startswith("nevus-"):
            given |= {entry["name"] for entry in container.get("env", [])}
        assert where
    assert given <= known


@every_overlay
def test_secrets_are_read_from_files_of_the_one_secret(name: str) -> None:
    data = find(name, "ConfigMap/nevus-settings")["data"]
    files = {key: value for key, value in data.items() if key.endswith("_FILE")}
    assert {"SECRET_KEY_FILE", "DATABASE_PASSWORD_FILE", "REDIS_PASSWORD_FILE"} <= set(files)
    for key, path in files.items():
        assert path == f"/run/secrets/nevus/{key.removesuffix('_FILE')}"
    documented = (ROOT / "docs/kubernetes.md").read_text()
    for key in files:
        assert f"--from-literal={key.removesuffix('_FILE')}=" in documented, key


@every_overlay
def test_probes_ask_what_is_answered(name: str) -> None:
    of_worker = set(status_server.PROBES)
    for where, container in containers(name):
        if not container["image"].startswith("nevus-") or where.startswith("Job/"):
            continue
        known = of_worker if container["image"].startswith("nevus-worker") else set(health.PROBES)
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if "httpGet" in container[probe]:
                assert container[probe]["httpGet"]["path"] in known, where
                assert container[probe]["httpGet"]["port"] in ports, where
            else:
                assert container[probe]["exec"]["command"] == ["python", "docker/healthcheck.py"]


@every_overlay
def test_there_is_exactly_one_beat(name: str) -> None:
    spec = find(name, "Deployment/nevus-beat")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    scalers = of_kind(name, "HorizontalPodAutoscaler", "ScaledObject")
    assert "nevus-beat" not in [entry["spec"]["scaleTargetRef"]["name"] for entry in scalers]


@every_overlay
def test_everything_is_denied_except_what_is_allowed(name: str) -> None:
    deny = find(name, "NetworkPolicy/default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    policies = of_kind(name, "NetworkPolicy")
    ingress = [policy for policy in policies if policy["spec"].get("ingress")]
    # no pod is open to whoever asks
    for policy in ingress:
        assert all(rule.get("from") for rule in policy["spec"]["ingress"]), named(policy)


@every_overlay
def test_disruptions_leave_somebody_at_work(name: str) -> None:
    budgets = {entry["metadata"]["name"] for entry in of_kind(name, "PodDisruptionBudget")}
    for workload in of_kind(name, "Deployment"):
        part = workload["metadata"]["name"]
        assert part in budgets or part == "nevus-beat"
        if part != "nevus-beat":
            keys = {c["topologyKey"] for c in pod_of(workload)["topologySpreadConstraints"]}
            assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


@every_overlay
def test_selectors_find_their_pods(name: str) -> None:
    labels = [
        workload["spec"]["template"]["metadata"]["labels"] for workload in of_kind(name, *WORKLOADS)
    ]
    selectors = [
        (named(entry), entry["spec"]["selector"].get("matchLabels", entry["spec"]["selector"]))
        for entry in of_kind(name, "Deployment", "StatefulSet", "Service", "PodDisruptionBudget")
    ]
    for who, selector in selectors:
        assert any(selector.items() <= found.items() for found in labels), who


@pytest.mark.parametrize("name", ["production", "gpu"])
def test_what_scales_by_itself_has_no_fixed_number(name: str) -> None:
    scaled = [entry["spec"]["scaleTargetRef"]["name"] for entry in of_kind(name, "ScaledObject")]
    scaled += [
        entry["spec"]["scaleTargetRef"]["name"]
        for entry in of_kind(name, "HorizontalPodAutoscaler")
    ]
    assert sorted(scaled) == ["nevus-bulk", "nevus-web", "nevus-worker"]
    for target in scaled:
        assert "replicas" not in find(name, f"Deployment/{target}")["spec"]


def variables(workload: dict) -> dict[str, str]:
    (container,) = pod_of(workload)["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def test_interactive_and_bulk_are_read_apart_in_production() -> None:
    worker = variables(find("production", "Deployment/nevus-worker"))
    bulk = variables(find("production", "Deployment/nevus-bulk"))
    assert (worker["NEVUS_CLAIM"], worker["NEVUS_QUEUES"]) == ("interactive", "inference,default")
    assert (bulk["NEVUS_CLAIM"], bulk["NEVUS_QUEUES"]) == ("bulk", "bulk")
    # alone, a worker reads both
    assert "NEVUS_CLAIM" not in variables(find("minimal", "Deployment/nevus-worker"))


@pytest.mark.parametrize("worker", ["nevus-worker", "nevus-bulk"])
def test_gpu_workers_get_a_gpu_each(worker: str) -> None:
    found = find("gpu", f"Deployment/{worker}")
    (container,) = pod_of(found)["containers"]
    assert container["image"].endswith("-gpu")
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert variables(found)["NEVUS_DEVICE"] == "cuda"
    assert variables(find("production", f"Deployment/{worker}"))["NEVUS_DEVICE"] == "cpu"


def test_upload_limit_leaves_the_answer_to_the_application() -> None:
    from django.conf import settings

    annotations = find("minimal", "Ingress/nevus")["metadata"]["annotations"]
    limit = annotations["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert int(limit.removesuffix("m")) * 1024**2 > settings.NEVUS_MAX_BATCH_BYTES
    assert settings.NEVUS_MAX_BATCH_BYTES > 2 * settings.NEVUS_MAX_UPLOAD_BYTES
    assert not [key for key in annotations if "snippet" in key]


@pytest.mark.parametrize("kind", ["web", "worker", "beat", "migrate"])
def test_the_migration_comes_first_and_ends(kind: str) -> None:
    job = find("minimal", "Job/nevus-migrate")["spec"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["activeDeadlineSeconds"] > 0
    starts: dict[str, Any] = {
        name: container["args"]
        for _where, container in containers("minimal")
        if (name := container["name"]) and "args" in container
    }
    assert starts[kind] == [kind]


@pytest.mark.parametrize("part", ["postgres", "redis"])
def test_the_cluster_has_what_compose_has(part: str) -> None:
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    (container,) = pod_of(find("minimal", f"StatefulSet/nevus-{part}"))["containers"]
    assert container["image"] == compose["services"][part]["image"]


def test_training_runs_on_every_gpu() -> None:
    (one,) = pod_of(find("training", "Job/nevus-training-one-node"))["containers"]
    gpus = one["resources"]["limits"]["nvidia.com/gpu"]
    assert one["args"][:3] == ["torchrun", "--standalone", f"--nproc-per-node={gpus}"]
    two = find("training", "Job/nevus-training-two-nodes")
    (each,) = pod_of(two)["containers"]
    assert f"--nnodes={two['spec']['parallelism']}" in each["args"]
    assert two["spec"]["completions"] == two["spec"]["parallelism"]
    service = find("training", "Service/nevus-training")
    assert (
        f"--master-addr={two['metadata']['name']}-0.{service['metadata']['name']}" in each["args"]
    )


@pytest.mark.parametrize("job", ["nevus-training-one-node", "nevus-training-two-nodes"])
def test_training_is_asked_for_in_words_that_it_knows(job: str) -> None:
    (container,) = pod_of(find("training", f"Job/{job}"))["containers"]
    _torchrun, words = split_after(container["args"], "-m", "ml")
    options = build_parser().parse_args(words)
    assert options.recipe in RECIPES
    # a pod that died goes on, and what it reads and writes is mounted
    assert options.resume
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/data"]["readOnly"]
    assert "/data" in str(options.data)
    assert str(options.out).startswith("/results/")
    assert "readOnly" not in mounts["/results"]


def split_after(words: list[str], *marks: str) -> tuple[list[str], list[str]]:
    place = next(
        index for index in range(len(words)) if words[index : index + len(marks)] == [*marks]
    )
    return words[:place], words[place + len(marks) :]
