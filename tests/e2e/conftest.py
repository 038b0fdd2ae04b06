"""Fixtures of tests on pages that need no worker."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.stack import Stack


@pytest.fixture(scope="module")
def records(stack: "Stack") -> dict[str, Any]:
    """A hospital in which every page has something to show; its records by name."""
    # models can only be imported when Django is set up
    from tests.e2e.records import make_records

    return make_records(stack)


@pytest.fixture(scope="module")
def clinic(stack: "Stack", records: dict[str, Any]) -> str:
    """The address of the hospital's clinic without a worker: what waits is never read."""
    return stack.start_web().url
