"""The compose file and its overrides: what they promise, and that they fit images and settings."""

import re
from typing import Any

import pytest
import yaml

from tests.docker.test_dockerfiles import FOLDER, ROOT, instructions

BASE = "compose.yaml"
OVERRIDES = ("compose.gpu.yaml", "compose.s3.yaml", "compose.host.yaml")
OURS = {"prepare", "migrate", "web", "worker", "beat", "nginx"}
ONCE = {"prepare", "migrate"}


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return load(BASE)["services"]


def test_the_parts_are_all_there(services: dict) -> None:
    assert set(services) == OURS | {"postgres", "redis"}


@pytest.mark.parametrize("name", sorted(OURS | {"postgres", "redis"}))
def test_every_part_runs_without_privileges(services: dict, name: str) -> None:
    part = services[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in part["security_opt"]
    assert "privileged" not in part
    assert "cap_add" not in part
    assert any(place.startswith("/tmp:") for place in part["tmpfs"])
    # ours say it in the Dockerfile
    assert name in OURS or part["user"] not in ("root", "0")


def test_foreign_images_have_a_version(services: dict) -> None:
    for name in ("postgres", "redis"):
        assert re.fullmatch(rf"{name}:\d+\.\d+(\.\d+)?-bookworm", services[name]["image"])


def test_nothing_starts_before_what_it_needs(services: dict) -> None:
    for name, part in services.items():
        for needed, how in part.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed in ONCE else "service_healthy"
            assert how["condition"] == expected, (name, needed)
            if expected == "service_healthy":
                assert has_health_check(needed, services[needed])
    assert set(services["web"]["depends_on"]) == {"migrate", "redis"}
    assert set(services["nginx"]["depends_on"]) == {"web"}


def has_health_check(name: str, part: dict) -> bool:
    if "healthcheck" in part:
        return True
    text = (FOLDER / f"{name}.Dockerfile").read_text()
    return any(word == "HEALTHCHECK" for word, _rest in instructions(text))


def test_only_the_proxy_is_reached_from_outside(services: dict) -> None:
    assert [name for name, part in services.items() if "ports" in part] == ["nginx"]


def test_secrets_come_from_files_and_none_is_written_here(services: dict) -> None:
    for name, part in services.items():
        for variable, value in (part.get("environment") or {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY", variable):
                assert variable.endswith("_FILE"), (name, variable)
            assert not re.search(r"://[^@/]*:[^@/]*@", str(value)), (name, variable)
    assert "/srv/secrets" not in str(services["nginx"])


def test_every_volume_is_declared(services: dict) -> None:
    declared = set(load(BASE)["volumes"])
    used = set()
    for part in services.values():
        for line in part.get("volumes", []):
            source = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", line).partition(":")[0]
            used.add(source)
    assert used == declared


def test_pictures_are_written_by_one_part_only(services: dict) -> None:
    for name, part in services.items():
        for line in part.get("volumes", []):
            if ":/srv/media" in line:
                assert line.endswith(":ro") is (name != "web"), name


@pytest.mark.parametrize("name", [BASE, *OVERRIDES])
def test_every_variable_has_a_default_or_says_what_it_wants(name: str) -> None:
    for found in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", (FOLDER / name).read_text()):
        assert found[1].startswith((":-", ":?")), found


@pytest.mark.parametrize("name", [BASE, *OVERRIDES])
def test_the_settings_that_are_given_exist(name: str) -> None:
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    known |= {f"{setting}_FILE" for setting in known}
    sources = [*FOLDER.glob("*.py"), *FOLDER.glob("nginx/*.py")]
    code = "\n".join(path.read_text() for path in sources)
    commands = ROOT / "clinic/management/commands/create_administrator.py"
    code += commands.read_text()
    for part, facts in load(name)["services"].items():
        if part in ("postgres", "redis"):
            continue
        for variable in facts.get("environment") or {}:
            short = variable.removeprefix("NGINX_").removesuffix("_FILE")
            assert variable in known or f'"{variable}"' in code or f'"{short}"' in code, variable


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_override_changes_only_parts_that_exist(services: dict, name: str) -> None:
    assert set(load(name)["services"]) <= set(services)


def test_on_the_machine_s_network_only_the_proxy_listens_outside() -> None:
    parts = load("compose.host.yaml")["services"]
    assert "listen_addresses=127.0.0.1" in parts["postgres"]["command"]
    assert "bind 127.0.0.1" in parts["redis"]["command"][-1]
    assert parts["web"]["environment"]["NEVUS_BIND"].startswith("127.0.0.1:")
    # prepare needs no network at all
    assert set(load(BASE)["services"]) - set(parts) == {"prepare"}
    assert all(part["network_mode"] == "host" for part in parts.values())


def test_the_gpu_worker_asks_for_one() -> None:
    worker = load("compose.gpu.yaml")["services"]["worker"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert worker["build"]["args"]["DEVICE"] == worker["environment"]["NEVUS_DEVICE"] == "cuda"


def test_the_bucket_takes_the_place_of_the_volume_for_all_who_read_it() -> None:
    parts = load("compose.s3.yaml")["services"]
    assert set(parts) == {"migrate", "web", "worker", "beat"}
    for part in parts.values():
        assert part["environment"]["NEVUS_ACCEL_PREFIX"] == ""
        assert part["environment"]["NEVUS_S3_BUCKET"].startswith("${NEVUS_S3_BUCKET:?")
