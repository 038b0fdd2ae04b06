"""Renders our kustomizations where no kubectl is to be had: just what they use, in plain form.

resources, namespace, patches (JSON 6902 with a target), images, and configMapGenerator without a
hash. Anything else in a kustomization is an error. A test compares it with the real one, where
this machine has it.
"""

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

KNOWN = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "patches",
    "images",
    "configMapGenerator",
}
CLUSTER_WIDE = {"Namespace"}
Object = dict[str, Any]


def render(folder: Path) -> list[Object]:
    """The objects that ``kubectl kustomize folder`` prints, in the order of the resources."""
    plan = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = set(plan) - KNOWN
    assert not unknown, f"{folder}: this renderer does not know {unknown}"
    found = [entry for name in plan["resources"] for entry in load(folder / name)]
    found += [generate(folder, entry) for entry in plan.get("configMapGenerator", [])]
    for entry in found:
        if entry["kind"] not in CLUSTER_WIDE:
            entry["metadata"]["namespace"] = plan["namespace"]
    for patch in plan.get("patches", []):
        apply_patch(folder, patch, found)
    for image in plan.get("images", []):
        for entry in found:
            set_image(entry, image)
    return found


def load(path: Path) -> list[Object]:
    if path.is_dir():
        return render(path)
    return [entry for entry in yaml.safe_load_all(path.read_text()) if entry]


def generate(folder: Path, plan: Object) -> Object:
    assert plan["options"]["disableNameSuffixHash"] is True
    data = {Path(name).name: (folder / name).read_text() for name in plan["files"]}
    metadata = {"name": plan["name"], "labels": plan["options"]["labels"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def apply_patch(folder: Path, patch: Object, found: list[Object]) -> None:
    text = patch.get("patch") or (folder / patch["path"]).read_text()
    target = patch["target"]
    hit = [
        entry
        for entry in found
        if entry["kind"] == target["kind"]
        and re.fullmatch(target["name"], entry["metadata"]["name"])
    ]
    assert hit, f"{folder}: a patch has no target: {target}"
    for entry in hit:
        for step in yaml.safe_load(text):
            apply_step(entry, copy.deepcopy(step))


def apply_step(entry: Object, step: Object) -> None:
    """One operation of RFC 6902."""
    *parents, last = [unescape(part) for part in step["path"].split("/")[1:]]
    place: Any = entry
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    key = int(last) if isinstance(place, list) and last != "-" else last
    if step["op"] == "add" and isinstance(place, list):
        place.insert(len(place) if last == "-" else int(last), step["value"])
    elif step["op"] == "add":
        place[key] = step["value"]
    elif step["op"] == "test":
        assert place[key] == step["value"], f"{step['path']} is {place[key]!r}"
    elif step["op"] == "replace":
        # a key that is not there cannot be replaced
        place[key] = (place[key], step["value"])[1]
    elif step["op"] == "remove":
        del place[key]
    else:
        raise AssertionError(f"this renderer does not know the operation {step['op']}")


def unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def set_image(entry: Any, image: Object) -> None:
    if isinstance(entry, list):
        for part in entry:
            set_image(part, image)
    elif isinstance(entry, dict):
        name, _, tag = str(entry.get("image", "")).partition(":")
        if name == image["name"]:
            entry["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"
        for part in entry.values():
            set_image(part, image)


def kubectl() -> str | None:
    """A kubectl of this machine that is new enough (1.27), if there is one."""
    program = shutil.which("kubectl")
    if program is None:
        return None
    command = [program, "version", "--client", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    version = json.loads(done.stdout)["clientVersion"]
    number = (int(version["major"]), int(re.match(r"\d+", version["minor"])[0]))
    return program if number >= (1, 27) else None
