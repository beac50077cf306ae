"""``dip-ddpm-study run|reproduce|dashboard|check-cluster``: the commands of an installed study."""

import argparse
import sys

from study.commands.launch import launch

PROG = "dip-ddpm-study"

COMMANDS = {
    "run": "study.commands.search",
    "reproduce": "study.commands.reproduce",
    "dashboard": "study.commands.dashboard",
    "check-cluster": "study.commands.check_cluster",
}
"""The module of each command. Only the one that is called is imported: a page can be drawn where
neither Ray nor torch is installed."""


def main(argv: list[str] | None = None) -> int:
    """Run the command that the first argument names; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=PROG,
        usage=argparse.SUPPRESS,  # so that an error is one line
        description="Does a Deep Image Prior make a DDPM faster or better?",
        epilog=f"{PROG} COMMAND --help tells a command's flags.",
    )
    parser.add_argument("command", choices=COMMANDS, help="what to do")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="flags of the command")
    args = parser.parse_args(argv)
    return launch(COMMANDS[args.command], f"{PROG} {args.command}", args.arguments)


if __name__ == "__main__":
    sys.exit(main())
