"""The tables of flags, from the parsers of the commands themselves."""

import argparse
import functools
from collections.abc import Callable
from importlib import import_module
from unittest import mock

from table_text import markdown

COMMANDS = {
    "study/run.py": "study.commands.search",
    "study/reproduce.py": "study.replication.command",
    "study/dashboard.py": "study.commands.dashboard",
    "study/check_cluster.py": "study.commands.check_cluster",
    "dipddpm": "dipddpm.__main__",
    "dip-ddpm-study": "study.__main__",
}
"""The module whose ``main`` each command calls."""


class Parsed(Exception):
    """The arguments are good; nothing has been run. Bears the parser."""


def parse(command: str, arguments: list[str]) -> argparse.ArgumentParser:
    """Parse arguments by a command's own parser, and stop before any work; return the parser.

    Raises:
        SystemExit: the command would refuse the arguments.
    """
    real = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, args: list[str], namespace: None = None) -> None:
        if args or arguments:
            real(self, args, namespace)
        raise Parsed(self)

    with mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            import_module(COMMANDS[command]).main(arguments)
        except Parsed as parsed:
            parser: argparse.ArgumentParser = parsed.args[0]
            return parser
    raise AssertionError(f"{command} has parsed nothing")


def flags(command: str, subcommand: str = "") -> str:
    """Return a table of a command's arguments, in the order and the words of its help."""
    parser = parse(command, [])
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
    "cli/run": functools.partial(flags, "study/run.py"),
    "cli/reproduce": functools.partial(flags, "study/reproduce.py"),
    "cli/dashboard": functools.partial(flags, "study/dashboard.py"),
    "cli/check-cluster": functools.partial(flags, "study/check_cluster.py"),
    "cli/dipddpm-run": functools.partial(flags, "dipddpm", "run"),
    "cli/dipddpm-restore": functools.partial(flags, "dipddpm", "restore"),
    "cli/dipddpm-sample": functools.partial(flags, "dipddpm", "sample"),
}
