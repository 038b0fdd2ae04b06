"""The description of the API is valid, complete and readable without a token or the internet."""

import json

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from tests.api_client import API


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads(Client().get(f"{API}/schema/").content)


def test_it_validates_without_a_warning(tmp_path) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_it_is_openapi_in_json_or_yaml(schema) -> None:
    assert schema["openapi"] == "3.1.0"
    asked = Client().get(f"{API}/schema/", headers={"Accept": "application/vnd.oai.openapi"})
    for response in (asked, Client().get(f"{API}/schema/?format=yaml")):
        assert response["Content-Type"].startswith("application/vnd.oai.openapi")
        assert yaml.safe_load(response.content)["paths"].keys() == schema["paths"].keys()


def test_every_address_is_described(schema) -> None:
    names = {
        pattern.name
        for entry in get_resolver().url_patterns
        if str(entry.pattern) == "api/v1/"
        for pattern in entry.url_patterns
    }
    # those of one name share a path
    assert len(schema["paths"]) == len(names - {"api-schema", "api-docs", "api-unknown"})


def test_every_operation_says_what_can_go_wrong(schema) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            failures = {"400", "401", "503"}
            assert failures <= operation["responses"].keys(), where
            for status in failures:
                content = operation["responses"][status]["content"]
                assert content["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
            signs_in = (path, method) == (f"{API}/tokens/", "post")
            assert operation.get("security") == (None if signs_in else [{"token": []}]), where
            headers = {entry["name"] for entry in operation.get("parameters", [])}
            remembers = method == "post" and not signs_in
            assert ("Idempotency-Key" in headers) == remembers, where


def test_uploads_are_described(schema) -> None:
    content = schema["paths"][f"{API}/images/"]["post"]["requestBody"]["content"]
    assert list(content) == ["multipart/form-data"]
    name = content["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]
    file = schema["components"]["schemas"][name]["properties"]["file"]
    assert file["type"] == "string"
    content = schema["paths"][f"{API}/diagnoses/"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}


def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline() -> None:
    response = Client().get(f"{API}/docs/")
    page = response.content.decode()
    assert response.status_code == 200
    assert "://" not in page
    assert "<style" not in page
    assert "<script>" not in page
    assert "unsafe" not in response["Content-Security-Policy"]
    script = Client().get(f"{API}/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
