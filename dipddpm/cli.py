"""Command-line flags for the fields of a configuration, and one-line errors."""

import argparse
import dataclasses
import difflib
import io
import shlex
import sys
import types
import typing
import unicodedata
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from dipddpm.config import PRESETS, QUICK_ON, RunConfig, current_choice, help_text, preset

UNKNOWN = "unrecognized arguments: "
"""The beginning of what argparse says of flags that it does not know."""


class OneLineParser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line and exits with status 2.

    Flags are written out: what is shortened or mistyped is refused, with the nearest flag. So is a
    value that is blank, or that holds control characters: no number, name, folder or URL does.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        print_in_any_encoding()
        words = sys.argv[1:] if args is None else list(args)
        said = "the command line"
        for word in words:
            name, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
            said = name or said
            if (equals or not name) and not value.strip():
                self.error(f"{said} is {value}; expected a value that is not blank")
            if not _is_text(word):
                self.error(f"{said} is {value}; expected text in UTF-8, without control characters")
        return super().parse_known_args(words, namespace)

    def flags(self) -> list[str]:
        """Return all flags, those of sub-commands included."""
        found = list(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                found += [each for parser in action.choices.values() for each in parser.flags()]
        return found

    def error(self, message: str) -> NoReturn:
        if message.startswith(UNKNOWN):
            word = message.removeprefix(UNKNOWN).partition(" ")[0].partition("=")[0]
            near = difflib.get_close_matches(word, self.flags(), 1)
            message += f"; did you mean {near[0]}?" if near else ""
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
        print(f"{self.prog}: {line}", file=sys.stderr)
        sys.exit(2)


def print_in_any_encoding() -> None:
    """Have characters that the terminal or the log cannot show printed by their numbers."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_text(word: str) -> bool:
    """Return whether all characters are UTF-8 (no surrogates) and none is a control character."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in word)


def _number(kind: type) -> Callable[[str], Any]:
    """Return the reader of a number in plain digits: not ``1_000``, nor digits of other scripts."""

    def read(text: str) -> Any:
        if not text.isascii() or "_" in text or text != text.strip():
            raise ValueError
        return kind(text)

    read.__name__ = kind.__name__  # which argparse says: invalid int value
    return read


READERS: dict[type, Callable[[str], Any]] = {int: _number(int), float: _number(float)}
"""What reads the value of a flag, where the type itself would take too much."""


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
        type=current_choice if choices else READERS.get(hint, hint),
        choices=choices,
        help=(f"{text} (default: {default})" if default else text).replace("%", "%%"),
        **options,
    )


def preset_default(name: str) -> str:
    """Return a field's value by preset in words, as in ``4; digits: 12; preset original: 20``."""
    first, *presets = PRESETS
    others: dict[str, RunConfig] = {}
    if name != "dataset":
        others |= {each: preset(first, dataset=each) for each in QUICK_ON}
    others |= {f"preset {each}": preset(each) for each in presets}
    first = str(getattr(preset(first), name))
    found = {what: str(getattr(config, name)) for what, config in others.items()}
    differing = [f"{what}: {value}" for what, value in found.items() if value != first]
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
    base = dataclasses.replace(preset(preset_name, dataset=config.dataset), dataset="")
    words = ["python", "-m", "dipddpm", "run", "--preset", preset_name]
    for field in dataclasses.fields(RunConfig):
        value = getattr(config, field.name)
        if field.name not in leave_out and value != getattr(base, field.name):
            words += [flag(field.name), str(value)]
    return shlex.join(words)
