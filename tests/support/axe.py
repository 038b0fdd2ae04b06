"""axe-core in a page of the browser: what of it is not accessible, in words."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ALL = {"type": "tag", "values": TAGS}
# what a theme can change
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
# what fades in has its colours when it is there
SETTLED = """() => Promise.allSettled(document.getAnimations()
  .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
  .map((one) => one.finished))"""
RUN = """async (runOnly) =>
  (await axe.run(document, { runOnly, resultTypes: ["violations"] })).violations"""


@cache
def script() -> str:
    """The source of axe-core, as the pinned package bundles it."""
    package = importlib.util.find_spec("axe_playwright_python")
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent / "axe.min.js").read_text()


def violations(page: Page, rules: dict[str, Any] = ALL) -> list[str]:
    """A line for each rule that an element of the page breaks: rule, what it asks, and where."""
    # the policy of our pages forbids a script tag of it, not what a debugger runs
    if not page.evaluate("'axe' in window"):
        page.evaluate(script())
    page.evaluate(f"async () => {{ await ({SETTLED})(); }}")
    found: list[dict[str, Any]] = page.evaluate(RUN, rules)
    return [describe(rule, node) for rule in found for node in rule["nodes"]]


def describe(rule: dict[str, Any], node: dict[str, Any]) -> str:
    reason = " ".join(node["failureSummary"].split())
    return f"{rule['id']}: {rule['help']}\n    {node['html'][:200]}\n    {reason[:400]}"
