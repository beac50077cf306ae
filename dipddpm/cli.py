"""Command-line flags for the fields of a configuration, and one-line errors."""

import argparse
import dataclasses
import shlex
import sys
import types
import typing
from collections.abc import Collection
from typing import NoReturn

from dipddpm.config import PRESETS, RunConfig, help_text, preset, today


class OneLineParser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(2)


def flag(name: str) -> str:
    """Return the flag of a field: ``--dip-lr`` for ``dip_lr``."""
    return "--" + name.replace("_", "-")


def add_run_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--preset`` and a flag for each field of :class:`RunConfig`."""
    parser.add_argument(
        "--preset",
        type=today,
        choices=PRESETS,
        default="quick",
        help="settings to start from; the defaults below are those of quick; default: quick",
    )
    hints = typing.get_type_hints(RunConfig)
    for field in dataclasses.fields(RunConfig):
        kind = hints[field.name]
        if isinstance(kind, types.UnionType):  # X | None
            kind = next(part for part in typing.get_args(kind) if part is not types.NoneType)
        parser.add_argument(
            flag(field.name),
            type=today if field.metadata["choices"] else kind,
            choices=field.metadata["choices"],
            help=help_text(field).replace("%", "%%"),  # argparse formats it
        )


def run_config(args: argparse.Namespace) -> RunConfig:
    """Return the configuration that the flags of :func:`add_run_flags` describe."""
    given = {
        field.name: getattr(args, field.name)
        for field in dataclasses.fields(RunConfig)
        if getattr(args, field.name) is not None
    }
    return preset(args.preset, **given)


def rerun_command(preset_name: str, config: RunConfig, leave_out: Collection[str] = ()) -> str:
    """Return the shell command for a run: its preset, and a flag for each field that differs.

    Fields in ``leave_out`` get no flag.
    """
    base = preset(preset_name)
    words = ["python", "-m", "dipddpm", "run", "--preset", preset_name]
    for field in dataclasses.fields(RunConfig):
        value = getattr(config, field.name)
        if field.name not in leave_out and value != getattr(base, field.name):
            words += [flag(field.name), str(value)]
    return shlex.join(words)
