"""The command line of ml: one file a command, each with SUMMARY, ``add_arguments`` and ``run``, and
STOPPED where it matters what Ctrl-C left.

Commands import what they need when they run, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ml.cli import (
    card,
    evaluate,
    export,
    fetch,
    finish,
    init,
    join,
    predict,
    recipes,
    separate,
    train,
    tune,
)
from ml.errors import MlError

# in the order of --help
COMMANDS = (
    recipes,
    init,
    fetch,
    train,
    tune,
    join,
    separate,
    finish,
    evaluate,
    predict,
    card,
    export,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 2 for bad input (one sentence on stderr), 130 for Ctrl-C."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except MlError as error:
        print(f"ml: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"ml: {where}{error.strerror or error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nml: {options.stopped}", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml",
        description="Train, measure and use models that classify dermoscopic images of skin.",
        epilog="python -m ml COMMAND --help explains one command.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        one = commands.add_parser(name, help=command.SUMMARY, description=command.run.__doc__)
        command.add_arguments(one)
        one.set_defaults(run=command.run, stopped=getattr(command, "STOPPED", "stopped."))
    return parser
