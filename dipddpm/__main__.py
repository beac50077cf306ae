"""The command ``python -m dipddpm``: a run, a restoration or more samples from the shell."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dipddpm import commands
from dipddpm.cli import READERS, OneLineParser, add_run_flags, flag, run_config
from dipddpm.config import MOST
from dipddpm.errors import ConfigError, DataError, NonFiniteError

Show = Callable[[str, int, int], None]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the three commands and their flags."""
    description = "Run DIP→DDPM once, restore images, or draw more samples."
    parser = OneLineParser(prog="python -m dipddpm", description=description)
    subparsers = parser.add_subparsers(required=True, parser_class=OneLineParser)

    run = subparsers.add_parser(
        "run", help="run DIP→DDPM once and write records, weights and pictures"
    )
    add_run_flags(run)
    run.set_defaults(command=_run, out=Path("run"))

    restore = subparsers.add_parser("restore", help="restore noisy images by the prior alone")
    restore.add_argument(
        "files", nargs="*", type=Path, help="images to restore (default: held-out ones)"
    )
    restore.add_argument(
        "--already-noisy",
        action="store_true",
        help="take the files as noisy already: add no noise, and compute no scores",
    )
    restore.add_argument(
        "--refine",
        type=Path,
        metavar="WEIGHTS",
        help="weights of a run whose DDPM improves the result by SDEdit (Meng et al. 2022)",
    )
    add_run_flags(restore)
    restore.set_defaults(command=_restore, out=Path("restored"))

    sample = subparsers.add_parser("sample", help="draw more images with the weights of a run")
    sample.add_argument("checkpoint", type=Path, help="the weights.safetensors of a run")
    sample.add_argument(
        "--num", type=READERS[int], default=40, help="number of images (default: 40)"
    )
    for name, kind in (("seed", int), ("sampler_steps", int), ("eta", float)):
        sample.add_argument(flag(name), type=READERS[kind], help="replaces the setting of the run")
    sample.set_defaults(command=_sample, out=Path("sampled"))

    for each in (run, restore, sample):
        each.add_argument("--device", type=_device, help="cpu, cuda, … (default: the GPU if any)")
        each.add_argument("--out", type=Path, help="new folder (default: %(default)s)")
        each.set_defaults(parser=each)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command; return 0, or 1 if a loss or a drawn image is not finite.

    Exit with 2 on bad usage.
    """
    args = make_parser().parse_args(argv)
    args.device = args.device or _device("cuda" if torch.cuda.is_available() else "cpu")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        if args.out.exists():  # before any work
            raise ConfigError("out", str(args.out), "a new folder")
        with Progress(*columns, TimeRemainingColumn()) as bar:
            tasks = {n: bar.add_task(n, total=None, visible=False) for n in ("dip", "ddpm")}

            def show(stage: str, done: int, total: int) -> None:
                bar.update(tasks[stage], completed=done, total=total, visible=True)

            said = args.command(args, show)
        print(f"{said}; see {args.out}")
    except ConfigError as error:
        args.parser.error(f"{flag(error.name)} is {error.value}; expected {error.expected}")
    except DataError as error:
        args.parser.error(str(error))
    except NonFiniteError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def _run(args: argparse.Namespace, show: Show) -> str:
    return commands.run(run_config(args), args.device, args.out, show)


def _restore(args: argparse.Namespace, show: Show) -> str:
    config = run_config(args)
    return commands.restore(
        config, args.files, args.already_noisy, args.refine, args.device, args.out, show
    )


def _sample(args: argparse.Namespace, show: Show) -> str:
    if args.num < 1:
        raise ConfigError("num", args.num, "at least 1")
    if args.num > MOST:
        raise ConfigError("num", args.num, f"at most {MOST}")
    given = {name: getattr(args, name) for name in ("seed", "sampler_steps", "eta")}
    changes = {name: value for name, value in given.items() if value is not None}
    return commands.sample(args.checkpoint, args.num, changes, args.device, args.out)


def _device(name: str) -> torch.device:
    try:
        zero = torch.zeros(1, device=name)
        zero.item()  # of a device that computes nothing, as "meta", there is none
        return zero.device
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(
            f"{name} cannot be used: {error}".splitlines()[0]
        ) from error


if __name__ == "__main__":
    sys.exit(main())
