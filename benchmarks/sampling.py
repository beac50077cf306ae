"""Sampling: FID and seconds per 1,000 images against the number of network evaluations.

    python benchmarks/sampling.py --data-dir DIR [--epochs 2]

Trains one DDPM (``--preset original`` without prior) for some epochs, then draws from it by
the full ancestral sampler and with fewer steps, from noise and from noised start images.
"""

import argparse
import dataclasses
import statistics
from pathlib import Path

from sampler_and_loss import KINDS
from side_by_side import DATA, machine, write

from dipddpm.config import RunConfig, preset
from dipddpm.pipeline import Run
from dipddpm.randomness import generator
from dipddpm.timing import now
from dipddpm.training import draw, in_turn

FROM_NOISE = [
    *(("ancestral", steps) for steps in (1000, 250, 100, 50, 10)),
    *(("DDIM", steps) for steps in (100, 50, 25, 10)),
    *(("DPM-Solver++(2M)", steps) for steps in (25, 15, 10)),
    *(("SDE-DPM-Solver++(2M)", steps) for steps in (25, 15, 10)),
]
FROM_PRIOR = [(300, 50), (300, 100)]  # start step, sampler steps for the whole way


def samplers(config: RunConfig) -> dict[str, RunConfig]:
    """Return the configurations of the samplers by name, the full ancestral sampler first."""
    named = {
        f"{name}, {steps} steps": dataclasses.replace(config, sampler_steps=steps, **KINDS[name][0])
        for name, steps in FROM_NOISE
    }
    for start, steps in FROM_PRIOR:
        left = round(steps * start / config.timesteps)
        named[f"from start images at {start}, {left} steps"] = dataclasses.replace(
            config, eta=1.0, sampler_steps=steps, start_step=start
        )
    return named


def main() -> None:
    """Train a DDPM, draw from it in each way and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder that holds MNIST/raw")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--draws", type=int, default=2, help="sets of images per sampler")
    parser.add_argument("--state", type=Path, default=DATA / "sampling.state")
    args = parser.parse_args()
    config = preset(
        "original",
        data_dir=str(Path(args.data_dir).resolve()),
        prior="none",
        ddpm_lr=1e-3,
        epochs=args.epochs,
        eval_every=args.epochs,
        scored_images=args.images,
    )
    if args.state.exists():
        run = Run.load(args.state)
    else:
        run = Run(config)
        (record,) = run.records()
        print(f"trained for {record.train_time_s:.0f} s")
        args.state.mkdir()
        run.save(args.state)
    assert run.trainer is not None
    sources, rows = in_turn(run.trainer.start, args.images), {}
    for name, changed in samplers(run.config).items():
        fids, seconds = [], []
        for number in range(args.draws):
            start = now(run.device)
            images = draw(
                run.trainer.ema.eval(),
                changed,
                args.images,
                run.dataset.shape,
                generator(number, name, device=run.device),
                sources if changed.start_step else None,
            )
            seconds.append((now(run.device) - start) * 1000 / args.images)
            fids.append(run.reference.score(images.cpu())["fid"])
        evaluations = changed.sampler_steps * (changed.start_step or 1000) // 1000
        rows[name] = {
            "evaluations": evaluations,
            "fid": fids,
            "seconds_per_1000": statistics.median(seconds),
        }
        print(
            f"{name:34} {evaluations:5} evaluations, FID {statistics.mean(fids):.2f} "
            f"[{min(fids):.2f}, {max(fids):.2f}], {statistics.median(seconds):.1f} s per 1,000",
            flush=True,
        )
    about = {"epochs": args.epochs, "images": args.images, "fid_floor": run.reference.fid_floor}
    write("sampling", {"machine": machine(run.device), **about, "rows": rows})


if __name__ == "__main__":
    main()
