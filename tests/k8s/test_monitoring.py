"""Alerts and dashboard name only metrics that a running Nevus really exposes."""

import json
import re
import urllib.request
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.clinic import make_clinic, new_lesion, upload, wait_until
from tests.support.api import ApiClient
from tests.support.pictures import photographs
from tests.support.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "k8s/parts/monitoring"
OPERATOR = yaml.safe_load((MONITORING / "rules.yaml").read_text())["spec"]
PLAIN = ROOT / "docker/prometheus/rules.yaml"
RULES = OPERATOR["groups"][0]["rules"]
DASHBOARD = json.loads((MONITORING / "nevus-dashboard.json").read_text())
NAME = re.compile(r"\bnevus_[a-z_]+\b")
MATCHER = re.compile(r"(nevus_[a-z_]+)\{([^}]*)\}")
LABEL = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    scalers = yaml.safe_load_all((ROOT / "k8s/parts/autoscaling/workers.yaml").read_text())
    queries = [scaler["spec"]["triggers"][0]["metadata"]["query"] for scaler in scalers]
    return [rule["expr"] for rule in RULES] + panels + queries


def test_both_files_have_the_same_rules() -> None:
    assert yaml.safe_load(PLAIN.read_text()) == OPERATOR
    assert len(RULES) >= 10


def test_whatever_is_asked_is_promql() -> None:
    for expression in expressions():
        parse_query(expression)
    for rule in RULES:
        assert re.fullmatch(r"\d+[smh]", rule["for"])
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("max(nevus_database_up", "unclosed left parenthesis"),
        ("rate(nevus_uploads_total) > 0", "expected type matrix"),
        ("sum by nevus_uploads_total", "invalid promql query"),
    ],
)
def test_what_is_no_promql_is_found(wrong: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_query(wrong)


def parse_query(expression: str) -> None:
    """Grafana's own word for a span of time is none of Prometheus."""
    promql_parser.parse(expression.replace("$__rate_interval", "5m"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook(rule: dict) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor == rule["alert"].lower()
    text = (ROOT / page).read_text()
    section = re.search(rf"^### {rule['alert']}\n\n(.+?)(?=\n###|\Z)", text, re.M | re.S)
    assert section is not None
    assert len(section[1]) > 80
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"]


def test_every_panel_has_a_place_and_a_question() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) >= 12
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert all(target["expr"] for target in panel["targets"])


def get(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def exposed(stack: Stack) -> dict[str, list[dict[str, str]]]:
    """Sample name to its label sets, after one image went its way and one was refused: those of
    the web server's processes and of the worker, which share a folder here."""
    from diagnosis.demo.processes import free_port

    port = free_port()
    token = make_clinic(stack)
    server = stack.start_web()
    worker = stack.start_worker(
        beat=True, NEVUS_METRICS_PORT=str(port), NEVUS_SWEEP_SECONDS="1", NEVUS_LOG_FORMAT="json"
    )
    address = f"http://127.0.0.1:{port}"
    api = ApiClient(server.url, token)
    key = upload(api, new_lesion(api, "metrics"), photographs(1)[0])
    wait_until(lambda: api.get(f"/diagnoses/{key}/").body["status"] == "succeeded", seconds=90)
    wait_until(lambda: get(f"{address}/healthz/ready/")[0] == 200, seconds=60)
    wait_until(lambda: "nevus_sweeps_total" in get(f"{address}/metrics")[1], seconds=30)
    for _ in range(8):
        api.get("/patients/")
    return {
        "web": parse(get(f"{server.url}/metrics")[1]),
        "worker": parse(get(f"{address}/metrics")[1]),
        "log": worker.log.read_text(),
        "status": {path: get(f"{address}{path}") for path in ("/healthz/live/", "/nowhere")},
        "patients": sum_of(get(f"{server.url}/metrics")[1], "api-patient-list"),
    }


def parse(text: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def sum_of(text: str, view: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "nevus_http_requests_total"
        and (sample.labels["view"], sample.labels["method"]) == (view, "GET")
    )


@pytest.mark.timeout(300)
def test_whatever_is_asked_for_is_exposed(exposed: dict) -> None:
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(asked) > 10
    assert asked <= set(exposed["web"])
    assert asked <= set(exposed["worker"])


@pytest.mark.timeout(300)
def test_labels_exist_and_have_the_values_that_are_asked_for(exposed: dict) -> None:
    states = {"outcome": {"succeeded", "failed", "retried", "storage_unavailable"}}
    states["reason"] = {"worker_lost"}
    checked = 0
    for expression in expressions():
        for name, matchers in MATCHER.findall(expression):
            for label, operator, value in LABEL.findall(matchers):
                sets = exposed["web"][name]
                if label == "namespace":
                    continue
                assert all(label in labels for labels in sets), (name, label)
                seen = {labels[label] for labels in sets} | states.get(label, set())
                checked += 1
                if operator == "=":
                    assert value in seen, expression
                elif operator == "=~" and label != "status":
                    assert all(part in seen for part in value.split("|")), expression
    assert checked > 8


@pytest.mark.timeout(300)
def test_documented_metrics_are_those(exposed: dict) -> None:
    text = (ROOT / "docs/monitoring.md").read_text()
    documented = set(re.findall(r"^\| `(nevus_[a-z_]+)` \|", text, re.M))
    families = {
        re.sub(r"_(bucket|count|sum|created)$", "", name)
        for name in exposed["web"]
        if name.startswith("nevus_")
    }
    assert documented == families


@pytest.mark.timeout(300)
def test_processes_of_one_place_count_together(exposed: dict) -> None:
    # two gunicorn processes answered in turn, and one of them was scraped
    assert exposed["patients"] == 8


@pytest.mark.timeout(300)
def test_the_worker_answers_probes_and_writes_json(exposed: dict) -> None:
    assert exposed["status"]["/healthz/live/"] == (200, '{"status": "ok"}')
    assert exposed["status"]["/nowhere"][0] == 404
    ours = [line for line in exposed["log"].splitlines() if '"logger": "diagnosis' in line]
    read = [json.loads(line) for line in ours if " was read" in line]
    assert len(read) == 1
    assert len(read[0]["request_id"]) == 32
