"""The tables of flags, from the parsers of the commands themselves."""

import argparse
import functools
from collections.abc import Callable
from importlib import import_module
from unittest import mock

from table_text import markdown

RUN = "study.commands.search"
REPRODUCE = "study.commands.reproduce"
DASHBOARD = "study.commands.dashboard"
CHECK_CLUSTER = "study.commands.check_cluster"
LIBRARY = "dipddpm.__main__"


class Made(Exception):
    """The parser of a command, caught before it parses anything."""


def parser_of(module: str) -> argparse.ArgumentParser:
    """Return the parser that a command's ``main`` makes, without running the command."""

    def stop(parser: argparse.ArgumentParser, *_: object) -> None:
        raise Made(parser)

    with mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            import_module(module).main()
        except Made as made:
            parser: argparse.ArgumentParser = made.args[0]
            return parser
    raise AssertionError(f"{module}.main has parsed nothing")


def flags(module: str, subcommand: str = "") -> str:
    """Return a table of a command's arguments, in the order and the words of its help."""
    parser = parser_of(module)
    if subcommand:
        (choice,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        parser = choice.choices[subcommand]
    formatter, rows = parser._get_formatter(), []
    for group in parser._action_groups:
        for action in group._group_actions:
            if isinstance(action, argparse._HelpAction):
                continue
            name = ", ".join(f"`{option}`" for option in action.option_strings)
            value = formatter._format_args(action, action.dest.upper()) if action.nargs != 0 else ""
            meaning = formatter._expand_help(action) if action.help else ""
            shown = [name or f"`{value}`", f"`{value}`" if name and value else ""]
            rows.append([*shown, " ".join(meaning.split())])
    return markdown(("argument", "value", "meaning"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "cli/run": functools.partial(flags, RUN),
    "cli/reproduce": functools.partial(flags, REPRODUCE),
    "cli/dashboard": functools.partial(flags, DASHBOARD),
    "cli/check-cluster": functools.partial(flags, CHECK_CLUSTER),
    "cli/dipddpm-run": functools.partial(flags, LIBRARY, "run"),
    "cli/dipddpm-restore": functools.partial(flags, LIBRARY, "restore"),
    "cli/dipddpm-sample": functools.partial(flags, LIBRARY, "sample"),
}
