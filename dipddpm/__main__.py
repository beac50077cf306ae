"""The command ``python -m dipddpm``: a run, a restoration or more samples from the shell."""

from dipddpm import interruption

if __name__ == "__main__":  # before the imports that take seconds
    interruption.set_handler(interruption.exit_at_once)

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dipddpm import commands, run_folder
from dipddpm.cli import READERS, OneLineParser, add_field_flag, add_run_flags, flag, run_config
from dipddpm.config import MOST, RunConfig
from dipddpm.errors import ConfigError, DataError, NonFiniteError

Show = Callable[[str, int, int], None]

RUN_FOLDER = Path("run")
PLACES = ("dataset", "data_dir")
"""Settings that say where images are: they may have moved since a run began."""

REPLACED = ("seed", "sampler_steps", "eta", "sampler_order", "spacing")
"""Settings of a run that ``sample`` can replace."""

STAGES = ("features", "dip", "ddpm")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the three commands and their flags."""
    description = "Run DIP→DDPM once, restore images, or draw more samples."
    parser = OneLineParser(prog="python -m dipddpm", description=description)
    subparsers = parser.add_subparsers(required=True, parser_class=OneLineParser)

    run = subparsers.add_parser(
        "run", help="run DIP→DDPM once and write records, weights and pictures"
    )
    run.add_argument(
        "--resume",
        type=Path,
        nargs="?",
        const=RUN_FOLDER,
        metavar="FOLDER",
        help=f"go on with the run that was interrupted there (default: {RUN_FOLDER})",
    )
    add_run_flags(run)
    run.set_defaults(command=_run, out=RUN_FOLDER, preset=None)

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
    sample.add_argument(
        "--each",
        action="store_true",
        help="write each image to a file of its own, 000.png and so on, and no contact sheet",
    )
    for name in REPLACED:
        add_field_flag(sample, RunConfig, name, default="the run's")
    sample.set_defaults(command=_sample, out=Path("sampled"))

    for each in (run, restore, sample):
        each.add_argument("--device", type=_device, help="cpu, cuda, … (default: the GPU if any)")
        each.add_argument("--out", type=Path, help="new folder (default: %(default)s)")
        each.set_defaults(parser=each)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command; return 0, 1 if a loss or a drawn image is not finite, 128 + a signal.

    Exit with 2 on bad usage.
    """
    with interruption.interruptible() as hold:
        try:
            return _main(argv, hold)
        except interruption.Interrupted as interrupted:
            print(f"interrupted{interrupted.advice}", file=sys.stderr)
            return interrupted.exit_status


def _main(argv: list[str] | None, hold: interruption.Hold) -> int:
    args = make_parser().parse_args(argv)
    args.hold = hold
    args.device = args.device or _device("cuda" if torch.cuda.is_available() else "cpu")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        resumes = getattr(args, "resume", None) is not None
        if args.out.exists() and not resumes:  # before any work
            raise ConfigError("out", str(args.out), "a new folder")
        with Progress(*columns, TimeRemainingColumn()) as bar:
            tasks = {n: bar.add_task(n, total=None, visible=False) for n in STAGES}

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
    if args.resume is None:
        args.preset = args.preset or "quick"
        return run_folder.run(run_config(args), args.device, args.out, show, args.hold)
    own = [field.name for field in dataclasses.fields(RunConfig)] + ["preset", "out"]
    for name in own:
        value = getattr(args, name)
        if name not in PLACES and value not in (None, RUN_FOLDER, args.resume):
            raise ConfigError(name, value, "none: --resume goes on with the run's own settings")
    places = {name: getattr(args, name) for name in PLACES if getattr(args, name) is not None}
    args.out = args.resume
    return run_folder.resume(args.resume, places, args.device, show, args.hold)


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
    given = {name: getattr(args, name) for name in REPLACED}
    changes = {name: value for name, value in given.items() if value is not None}
    return commands.sample(args.checkpoint, args.num, changes, args.each, args.device, args.out)


def _device(name: str) -> torch.device:
    """Return the device of that name; it must be one that computes here."""
    try:
        one = torch.ones(1, device=name)
        one.item()  # of a device that computes nothing, as "meta", there is none
    except (RuntimeError, AssertionError) as error:
        found = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        found += ["mps"] if torch.backends.mps.is_available() else []
        raise argparse.ArgumentTypeError(
            f"{name} cannot be used; expected {' or '.join(found)}"
        ) from error
    return one.device


if __name__ == "__main__":
    sys.exit(main())
