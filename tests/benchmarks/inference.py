"""How fast models read, bare and in a worker.

``python -m tests.benchmarks.inference`` (``make bench``) measures the starter, or the checkpoints
that it is given, and writes var/bench.json:

- ``engine:RECIPE:ENGINE``: prepared images a second, one batch after another. ``ratio`` is by the
  torch engine at the same batch, ``peak_share`` the share of what the device does in a product of
  large matrices, ``agreement`` the share of pictures whose likeliest class is that of torch.
- ``end-to-end:RECIPE``: a real worker on PostgreSQL and Redis, from the first claimed request to
  the last stored answer. ``ratio`` is by the bare torch engine at the worker's batch, the mean of a
  measurement before and one after, for machines are noisy.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg2

from diagnosis.demo.processes import Child
from ml.manifest import read_manifest
from tests.benchmarks.pages import SERVER, Installation
from tests.support.postgres import PrivatePostgres
from tests.support.redis import Redis

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("torch", "onnx")
BATCHES = (1, 8, 32)
READINGS, BATCH = 192, 8  # of the worker


@dataclass(frozen=True)
class Row:
    name: str
    batch: int
    images_per_second: float
    ratio: float
    peak_share: float
    rss_mb: float
    agreement: float


def run_engine(checkpoint: Path, engine: str, batches: tuple[int, ...]) -> dict:
    command = [sys.executable, "-m", "tests.benchmarks.engine", str(checkpoint), engine]
    done = subprocess.run(
        [*command, *map(str, batches)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def engine_rows(checkpoint: Path, recipe: str) -> list[Row]:
    found = {engine: run_engine(checkpoint, engine, BATCHES) for engine in ENGINES}
    reference = found["torch"]
    return [
        Row(
            name=f"engine:{recipe}:{engine}",
            batch=batch,
            images_per_second=round(one["rates"][str(batch)], 2),
            ratio=round(one["rates"][str(batch)] / reference["rates"][str(batch)], 3),
            peak_share=round(one["peak_shares"][str(batch)], 3),
            rss_mb=round(one["rss_mb"]),
            agreement=agreement(one["answers"], reference["answers"]),
        )
        for engine, one in found.items()
        for batch in BATCHES
    ]


def agreement(answers: list[list[float]], others: list[list[float]]) -> float:
    same = [a.index(max(a)) == b.index(max(b)) for a, b in zip(answers, others, strict=True)]
    return round(sum(same) / len(same), 4)


def end_to_end_row(checkpoint: Path, recipe: str, postgres: PrivatePostgres, redis: Redis) -> Row:
    with tempfile.TemporaryDirectory(prefix="nevus-bench-") as folder:
        place = Installation(postgres, redis, f"bench_{recipe}", Path(folder))
        place.manage("migrate", "--verbosity", "0")
        orders = [sys.executable, "-m", "tests.benchmarks.orders", str(READINGS), str(checkpoint)]
        subprocess.run(orders, cwd=ROOT, env=place.environment, check=True, capture_output=True)
        before = run_engine(checkpoint, "torch", (BATCH,))
        rate, rss_mb = read_all(place)
        after = run_engine(checkpoint, "torch", (BATCH,))
    key = str(BATCH)
    bare = (before["rates"][key] + after["rates"][key]) / 2
    each = before["peak_shares"][key] / before["rates"][key]
    return Row(
        name=f"end-to-end:{recipe}",
        batch=BATCH,
        images_per_second=round(rate, 2),
        ratio=round(rate / bare, 3),
        peak_share=round(rate * each, 3),
        rss_mb=round(rss_mb),
        agreement=1.0,
    )


def read_all(place: Installation) -> tuple[float, float]:
    """Start a worker; images a second until nothing waits, and the worker's memory in MB."""
    options = "--queues inference,default --pool threads --concurrency 1 --loglevel WARNING"
    worker = Child(
        "worker",
        [
            *(sys.executable, "-m", "celery", "-A", "config", "worker", *options.split()),
            *("--beat", "--schedule", str(place.folder / "schedule")),
        ],
        log=place.folder / "worker.log",
        cwd=ROOT,
        env=place.environment | {"NEVUS_BATCH_SIZE": str(BATCH), "NEVUS_SWEEP_SECONDS": "1"},
    )
    try:
        deadline = time.monotonic() + 900
        while (answered := ask(place, "count(*)", "finished_at IS NOT NULL")) < READINGS:
            if time.monotonic() > deadline:
                raise SystemExit(f"{answered} of {READINGS} were read:\n{worker.log.read_text()}")
            time.sleep(0.5)
        status = Path(f"/proc/{worker.pid}/status").read_text()
    finally:
        worker.stop()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    span = "extract(epoch from max(finished_at) - min(started_at))"
    return READINGS / float(ask(place, span, "true")), int(peak.split()[1]) / 1024


def ask(place: Installation, what: str, where: str) -> float:
    database = place.environment["DATABASE_URL"]
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {what} FROM diagnosis_diagnosisrequest WHERE {where}")
        return cursor.fetchone()[0]


def table(rows: list[Row]) -> str:
    lines = [f"{'':34}{'batch':>6}{'images/s':>10}{'ratio':>8}{'peak':>7}{'MB':>7}{'agree':>8}"]
    for row in rows:
        rates = f"{row.batch:>6}{row.images_per_second:>10.2f}{row.ratio:>8.3f}"
        lines.append(
            f"{row.name:34}{rates}{row.peak_share:>7.3f}{row.rss_mb:>7.0f}{row.agreement:>8.3f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    starter = ROOT / "ml" / "checkpoints" / "starter"
    parser.add_argument("checkpoints", type=Path, nargs="*", default=[starter])
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "bench.json")
    options = parser.parse_args()
    rows: list[Row] = []
    postgres, redis = PrivatePostgres(SERVER), Redis()
    try:
        postgres.start()
        redis.start()
        for checkpoint in options.checkpoints:
            recipe = read_manifest(checkpoint).recipe
            rows += engine_rows(checkpoint, recipe)
            rows.append(end_to_end_row(checkpoint.resolve(), recipe, postgres, redis))
    finally:
        redis.close()
        postgres.stop()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    facts = {"cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}
    options.out.write_text(json.dumps(facts, indent=1) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
