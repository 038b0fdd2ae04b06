"""How fast models read, bare and in a worker.

``python -m tests.benchmarks.inference`` (``make bench``) measures the starter, or the checkpoints
that it is given, and writes var/bench.json:

- ``engine:RECIPE:ENGINE``: prepared images a second, one batch after another. ``ratio`` is by the
  torch engine at the same batch, ``peak_share`` the share of what the device does in a product of
  large matrices, ``agreement`` the share of pictures whose likeliest class is that of torch (of
  those that the worker did not refuse).
- ``end-to-end:RECIPE``: a real worker on PostgreSQL and Redis, from the stored answers of the first
  batch of each lane to the last stored answer. ``ratio`` is by the bare torch engine
  at the worker's batch, the mean of a measurement before and one after, for machines are noisy.
- ``peer:transformers``: the same network, views and batch in the pipeline of transformers, from
  the same files; ``ratio`` is by the bare torch engine, measured right before.

A convolution may need fewer operations than are counted (Winograd), so a ``peak_share`` can pass 1.
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

from ml.manifest import read_manifest
from tests.benchmarks.installation import ROOT, SERVER, Installation
from tests.support.postgres import PrivatePostgres
from tests.support.redis import Redis

ENGINES = ("torch", "onnx")
BATCHES = (1, 8, 16, 32)
READINGS, BATCH = 768, 16  # of the worker; the batch is the one that it has unless told
ANSWERED = "SELECT count(*) FROM diagnosis_diagnosisrequest WHERE finished_at IS NOT NULL"
# as of a bare engine, the first batch, of each lane, is not counted
FIRST = 2 * BATCH
SPAN = f"""SELECT extract(epoch FROM max(finished_at) - min(finished_at))
    FROM (SELECT finished_at FROM diagnosis_diagnosisrequest
        ORDER BY finished_at OFFSET {FIRST - 1}) counted"""
# a picture that the worker refused has none
LABELS = """SELECT prediction.label FROM diagnosis_diagnosisrequest request
    LEFT JOIN diagnosis_prediction prediction ON prediction.id = request.prediction_id
    ORDER BY request.created_at LIMIT %s"""


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
    return run("engine", str(checkpoint), engine, *map(str, batches))


def run(module: str, *arguments: str) -> dict:
    """What a module of this package prints on its last line."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
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
            agreement=agreement(one["labels"], reference["labels"]),
        )
        for engine, one in found.items()
        for batch in BATCHES
    ]


def agreement(labels: list[str | None], others: list[str]) -> float:
    """The share of the same labels among the pictures that both answered."""
    same = [a == b for a, b in zip(labels, others, strict=True) if a is not None]
    return round(sum(same) / len(same), 4)


def peer_row(checkpoint: Path) -> Row:
    bare = run_engine(checkpoint, "torch", (BATCH,))
    peer = run("peer", str(checkpoint), str(BATCH))
    rate, share = bare["rates"][str(BATCH)], bare["peak_shares"][str(BATCH)]
    return Row(
        name="peer:transformers",
        batch=BATCH,
        images_per_second=round(peer["rate"], 2),
        ratio=round(peer["rate"] / rate, 3),
        peak_share=round(share * peer["rate"] / rate, 3),
        rss_mb=round(peer["rss_mb"]),
        agreement=agreement(peer["labels"], bare["labels"]),
    )


def end_to_end_row(checkpoint: Path, recipe: str, postgres: PrivatePostgres, redis: Redis) -> Row:
    with tempfile.TemporaryDirectory(prefix="nevus-bench-") as folder:
        place = Installation(postgres, redis, f"bench_{recipe}", Path(folder))
        place.manage("migrate", "--verbosity", "0")
        place.environment |= {"NEVUS_BATCH_SIZE": str(BATCH), "NEVUS_SWEEP_SECONDS": "1"}
        place.run("-m", "tests.benchmarks.orders", str(READINGS), str(checkpoint))
        before = run_engine(checkpoint, "torch", (BATCH,))
        rate, rss_mb = read_all(place)
        after = run_engine(checkpoint, "torch", (BATCH,))
        labels = [label for (label,) in place.ask(LABELS, len(before["labels"]))]
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
        agreement=agreement(labels, before["labels"]),
    )


def read_all(place: Installation) -> tuple[float, float]:
    """Start a worker; images a second until nothing waits, and the worker's memory in MB."""
    worker = place.start_worker(beat=True)
    try:
        deadline = time.monotonic() + 900
        while (answered := place.ask(ANSWERED)[0][0]) < READINGS:
            if time.monotonic() > deadline:
                raise SystemExit(f"{answered} of {READINGS} were read:\n{worker.log.read_text()}")
            time.sleep(0.5)
        status = Path(f"/proc/{worker.pid}/status").read_text()
    finally:
        worker.stop()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return (READINGS - FIRST) / float(place.ask(SPAN)[0][0]), int(peak.split()[1]) / 1024


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
            rows.append(peer_row(checkpoint))
    finally:
        redis.close()
        postgres.stop()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    facts = {"cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}
    options.out.write_text(json.dumps(facts, indent=1) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
