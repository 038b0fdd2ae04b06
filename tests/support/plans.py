"""What PostgreSQL does for a query: how many rows it takes from tables and indexes, and which."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from django.db import connection


class Read(NamedTuple):
    """``rows`` counts what was looked at, also what a filter threw away; ``sources`` names tables
    and indexes, ``kinds`` the ways in which they were read."""

    rows: int
    sources: set[str]
    kinds: set[str]
    query: str


def read_by(query: str, *, apart: Collection[str] = ()) -> Read:
    """Run the query once more, under EXPLAIN ANALYZE; the tables ``apart`` are not counted."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query.replace("%", "%%"), [])
        ((plan,),) = cursor.fetchone()
    scans = [node for node in nodes(plan["Plan"]) if "Relation Name" in node or named(node)]
    scans = [node for node in scans if node.get("Relation Name") not in apart]
    sources = {named(node) or node["Relation Name"] for node in scans}
    kinds = {node["Node Type"] for node in scans}
    return Read(sum(rows_of(node) for node in scans), sources, kinds, query)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def named(node: dict[str, Any]) -> str:
    return node.get("Index Name", "")


def rows_of(node: dict[str, Any]) -> int:
    once = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(node["Actual Loops"] * once)
