"""The whole trial by stage: this library's settings beside the original's recipe, at one scale.

    python benchmarks/whole_trial.py --data-dir DIR
    python benchmarks/whole_trial.py --data-dir DIR --repeats 1 --dip-steps 3500 --epochs 20 \\
        --train-size 58000 --sampler-steps 1000          # the original's scale: for a GPU

Both have the same number of DIP steps, epochs, training images, drawn images and sampler steps.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from side_by_side import compare, machine, write

from dipddpm.config import RunConfig, preset
from dipddpm.pipeline import Run
from dipddpm.timing import now

ORIGINAL = {
    "restorer": "original",
    "dip_width": 64,
    "dip_batch_size": 128,
    "denoiser": "original",
    "prediction": "epsilon",
    "min_snr": 0.0,
    "sampler_order": 1,
    "spacing": "time",
}


def stages(config: RunConfig, device: torch.device) -> dict[str, float]:
    """Run a trial; return the seconds of its stages and of all."""
    run = Run(config, str(device))
    (record,) = run.records()
    start = now(device)
    with tempfile.TemporaryDirectory() as folder:
        run.save(Path(folder))
    seconds = {
        "DIP": record.dip_time_s,
        "DDPM": record.train_time_s,
        "sampling": record.sample_time_s,
        "scoring": record.score_time_s,
        "checkpoint": now(device) - start,
    }
    return {**seconds, "all": sum(seconds.values())}


def main() -> None:
    """Measure both sides in turns and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder that holds MNIST/raw")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dip-steps", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--train-size", type=int, default=2560)
    parser.add_argument("--images", type=int, default=100, help="images drawn and scored")
    parser.add_argument("--sampler-steps", type=int, default=50)
    args = parser.parse_args()
    scale = {
        "data_dir": str(Path(args.data_dir).resolve()),
        "dip_steps": args.dip_steps,
        "epochs": args.epochs,
        "eval_every": args.epochs,
        "train_size": args.train_size,
        "scored_images": args.images,
        "sampler_steps": args.sampler_steps,
    }
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trials = {
        "original": preset("original", **scale, **ORIGINAL),
        "ours": preset("original", **scale),
    }
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in trials}
    warm_up = args.repeats > 1  # one more turn settles kernels and caches
    for turn in range(warm_up + args.repeats):
        for name, config in trials.items():
            seconds = stages(config, device)
            if turn >= warm_up:
                measured[name].append(seconds)
    rows = {}
    for stage in measured["ours"][0]:
        both = {name: [seconds[stage] for seconds in turns] for name, turns in measured.items()}
        rows[stage] = {name: statistics.median(values) for name, values in both.items()}
        rows[stage] |= compare(both, "original")["ours"]
        low, high = rows[stage]["speedup_range"]
        print(
            f"{stage:11} original {rows[stage]['original']:8.2f} s, "
            f"ours {rows[stage]['ours']:7.2f} s, "
            f"{rows[stage]['speedup']:6.1f} times as fast [{low:.1f}, {high:.1f}]"
        )
    about = {key: value for key, value in scale.items() if key != "data_dir"}
    write("whole-trial", {"machine": machine(device), "scale": about, "stages": rows})


if __name__ == "__main__":
    main()
