"""Fixtures for all tests. Services start before Django reads its settings."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fixtures import media, one_lane, own_folders, own_language  # noqa: F401
from tests.support import services

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django import DjangoDbBlocker

    from tests.support.postgres import Postgres
    from tests.support.stack import Stack


def pytest_configure(config: pytest.Config) -> None:
    services.start(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    services.stop(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    # each worker of pytest-xdist reads the settings itself, after it has its own Redis database
    del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> "Postgres":
    """The private cluster of this run, to make databases in."""
    return pytestconfig.stash[services.POSTGRES]


@pytest.fixture(scope="session")
def migrated_database(postgres: "Postgres") -> Iterator[str]:
    from tests.support.stack import migrated_template

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with migrated_template(postgres, f"nevus_template_{worker}") as name:
        yield name


@pytest.fixture(scope="module")
def stack(
    postgres: "Postgres",
    migrated_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: "DjangoDbBlocker",
) -> Iterator["Stack"]:
    """A whole Nevus with a database, Redis and folder of its own, shared by one test module."""
    from tests.support.stack import running_stack

    folder: Path = tmp_path_factory.mktemp("stack")
    with running_stack(
        postgres, template=migrated_database, folder=folder, unblocker=django_db_blocker
    ) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    from tests.support.browser import running_browser

    # Playwright keeps an event loop in this thread, where Django would refuse its ORM
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with running_browser() as running:
        yield running


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A page of a fresh browser session."""
    from tests.support.browser import open_page

    with open_page(browser) as opened:
        yield opened
