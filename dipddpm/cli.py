"""Command-line flags for the fields of a configuration, and one-line errors."""

import argparse
import dataclasses
import shlex
import sys
import types
import typing
from collections.abc import Collection
from typing import NoReturn

from dipddpm.config import PRESETS, RunConfig, current_choice, help_text, preset


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
        type=current_choice,
        choices=PRESETS,
        default="quick",
        help="settings to start from (default: quick)",
    )
    for field in dataclasses.fields(RunConfig):
        add_field_flag(parser, RunConfig, field.name, default=preset_default(field.name))


def add_field_flag(
    parser: argparse._ActionsContainer,
    kind: type,
    name: str,
    *,
    default: str = "",
    called: str | None = None,
    meaning: str | None = None,
) -> None:
    """Add the flag of a field of a dataclass, by the field's type and its metadata.

    The metadata are ``help`` and, where they are needed, ``registry``, ``choices``, ``metavar``,
    ``nargs`` and ``const``.

    Args:
        default: the value without the flag, in words; the parser itself leaves it open.
        called: the flag's name, if it is not the field's.
        meaning: the help text, if it is not the field's.
    """
    field = next(f for f in dataclasses.fields(kind) if f.name == name)
    metadata = field.metadata
    hint = typing.get_type_hints(kind)[name]
    if isinstance(hint, types.UnionType):  # X | None
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    text, choices = meaning or help_text(field), metadata.get("choices")
    if hint is bool:
        parser.add_argument(flag(called or name), dest=name, action="store_true", help=text)
        return
    options = {key: metadata[key] for key in ("metavar", "nargs", "const") if key in metadata}
    if not choices:
        letters: dict[type, str] = {int: "N", float: "X"}
        options.setdefault("metavar", letters.get(hint, name.rpartition("_")[2].upper()))
    parser.add_argument(
        flag(called or name),
        dest=name,
        type=current_choice if choices else hint,
        choices=choices,
        help=(f"{text} (default: {default})" if default else text).replace("%", "%%"),
        **options,
    )


def preset_default(name: str) -> str:
    """Return a field's value by preset in words, as in ``36; preset original: 20``."""
    first, *others = (str(getattr(preset(each), name)) for each in PRESETS)
    differing = [
        f"preset {each}: {value}"
        for each, value in zip(list(PRESETS)[1:], others, strict=True)
        if value != first
    ]
    return "" if first == "None" and not differing else "; ".join([first, *differing])


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
