"""``python -m dipddpm run``: one DIP→DDPM run from the shell."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import save_file

from dipddpm.cli import OneLineParser, add_run_flags, flag, run_config
from dipddpm.errors import ConfigError, DataError, NonFiniteLossError
from dipddpm.images import contact_sheet
from dipddpm.pipeline import Record, Run


def main(argv: list[str] | None = None) -> int:
    parser = OneLineParser(prog="python -m dipddpm", description="DIP→DDPM from the shell.")
    commands = parser.add_subparsers(required=True, parser_class=OneLineParser)
    run_parser = commands.add_parser(
        "run", help="one DIP→DDPM run: records, weights and pictures in a new folder"
    )
    add_run_flags(run_parser)
    run_parser.add_argument("--device", help="cpu, cuda, … (the GPU if there is one)")
    run_parser.add_argument("--out", type=Path, default=Path("run"), help="a new folder (run)")
    args = parser.parse_args(argv)
    try:
        return run_command(args)
    except ConfigError as error:
        run_parser.error(f"{flag(error.name)} is {error.value}; expected {error.expected}")
    except DataError as error:
        run_parser.error(str(error))
    except NonFiniteLossError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1


def run_command(args: argparse.Namespace) -> int:
    out: Path = args.out
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn()) as bar:
        tasks = {name: bar.add_task(name, total=None, visible=False) for name in ("dip", "ddpm")}

        def show(stage: str, done: int, total: int) -> None:
            bar.update(tasks[stage], completed=done, total=total, visible=True)

        if out.exists():
            raise ConfigError("out", str(out), "a new folder")
        run = Run(run_config(args), args.device, show)  # checks all else before a folder is made
        try:
            out.mkdir(parents=True)
        except OSError as error:
            raise ConfigError("out", str(out), f"a new folder ({error.strerror})") from error
        record: Record | None = None
        with (out / "records.jsonl").open("w") as file:
            for record in run.records():
                file.write(json.dumps(dataclasses.asdict(record)) + "\n")
    assert record is not None  # the last epoch is always evaluated
    for stage, images in run.pictures().items():
        contact_sheet(images).save(out / f"{stage}.png")
    save_file(run.weights(), out / "weights.safetensors")
    (out / "config.json").write_text(json.dumps(dataclasses.asdict(run.config), indent=2) + "\n")
    print(
        f"fid {record.fid:.2f} (floor {record.fid_floor:.2f}, noise {record.fid_noise:.1f}) after "
        f"{record.epoch} epochs, {record.time_total_s:.1f} s of DIP and DDPM; see {out}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
