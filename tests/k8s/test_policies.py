"""checkov's policies for Kubernetes pass; each exception is an annotation with its reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.k8s.test_manifests import RENDERED

# in an environment of its own (make .venv/.checkov): it pins a hundred packages
CHECKOV = Path(sys.prefix) / "checkov" / "bin" / "checkov"
LONE_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "wrong"},
    "spec": {"containers": [{"name": "c", "image": "x", "securityContext": {"privileged": True}}]},
}


def check(folder: Path) -> dict:
    if not CHECKOV.exists():
        pytest.skip("make .venv/.checkov installs checkov")
    command = [CHECKOV, "--directory", folder, "--framework", "kubernetes"]
    done = subprocess.run(
        [*command, "--output", "json", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=folder,
    )
    return json.loads(done.stdout)


def test_policies_pass(tmp_path: Path) -> None:
    for name, entries in RENDERED.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(entries))
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(LONE_POD))
    results = check(tmp_path)["results"]
    failed = [(entry["check_id"], entry["resource"]) for entry in results["failed_checks"]]
    # the one that is wrong is found, so the others would be too
    assert ("CKV_K8S_16", "Pod.default.wrong") in failed
    assert [entry for entry in failed if entry[1] != "Pod.default.wrong"] == []
    files = {entry["file_path"] for entry in results["passed_checks"]}
    assert {f"/{name}.yaml" for name in RENDERED} <= files
    assert len(results["passed_checks"]) > 1000
    for entry in results["skipped_checks"]:
        assert len(entry["check_result"]["suppress_comment"]) > 20, entry["check_id"]
