"""The command line of ml: one file a command, each with SUMMARY, ``add_arguments`` and ``run``.

Commands import what they need when they run, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ml.cli import card, evaluate, export, finish, init, predict, recipes, train
from ml.errors import MlError

COMMANDS = (recipes, init, train, finish, evaluate, predict, card, export)  # in the order of --help


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 2 for bad input (one sentence on stderr), 130 for Ctrl-C."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except MlError as error:
        print(f"ml: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"ml: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nml: stopped. Training goes on from its last epoch with --resume.", file=sys.stderr)
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
        one.set_defaults(run=command.run)
    return parser
