"""Where, if anywhere, does starting at a DIP image pay? Starts, noise levels, steps and samplers.

    python benchmarks/crossing_map.py --dataset digits
    python benchmarks/crossing_map.py --dataset mnist-small

A DDPM is trained on clean images (the quick preset, no prior). It then draws from noise, or by a
reverse process that starts at t₀ from noised images (SDEdit, Meng et al. 2022): held-out images
that were noisy (std 0.5) and that DIP or a classical denoiser restored without having seen a clean
one, or the real ones. DIP is one network for all, or one per image that the DDPM stops: once its
output is no further from the noisy images than the DDPM finds noise in them.

A row is one seed, start, t₀ / T, number of network evaluations and sampler: FID by the features of
two networks, and median distances relative to that of a real image to the nearest training image,
from the start image, from the clean image behind it, and from the training set. Seconds are those
of one core's process; those of DIP and of the denoiser, to fit it and to restore the starts, are
counted.

The rows are ``data/crossing-map-DATASET.csv``; seeds that have all starts are not repeated. Beside
a figure, ``--figure`` or ``results/crossing-map-DATASET.html``, a sentence names the region in
which a start by DIP has a lower FID than noise at equal seconds, at a distance of at least 0.9 from
its source: by t-intervals over seeds, at 5 % over all cells of a start, for each network.
``--folder`` puts the rows where the page of the original report's experiments shows them.
"""

import argparse
import concurrent.futures
import csv
import math
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from side_by_side import DATA, write
from torch import Tensor

from dipddpm.config import RunConfig, preset
from dipddpm.pipeline import Run
from dipddpm.prior_stage import PriorStage, observe
from dipddpm.priors.deep_image_prior import DeepImagePrior
from dipddpm.quality import fid, nearest
from dipddpm.randomness import generator
from dipddpm.training import draw, in_turn, schedule_of
from study.replication.crossing_map import (
    CLASSICAL,
    DIP,
    NOISE,
    REAL,
    STOPPED,
    Row,
    figure,
    read,
    sentences,
    summary,
)
from study.results.folder import CROSSING_FILE

STD = 0.5
SHARES = (0.1, 0.2, 0.3, 0.5, 0.7)
EVALUATIONS = (2, 3, 5, 10, 20)
FROM_NOISE = (*EVALUATIONS, 50)
SAMPLERS: dict[str, dict[str, Any]] = {
    "ancestral": {"sampler_order": 1, "eta": 1.0, "spacing": "time"},
    "DDIM": {"sampler_order": 1, "eta": 0.0, "spacing": "time"},
    "2M": {"sampler_order": 2, "eta": 0.0, "spacing": "log-snr"},
    "2M, stochastic": {"sampler_order": 2, "eta": 1.0, "spacing": "log-snr"},
}
EACH = {"prior": "dip", "dip_lr": 1e-2, "dip_steps": 300}  # as benchmarks/denoisers.py has them
LEVELS = 40  # timesteps at which the DDPM is asked how noisy images are
PRIORS = {DIP: "restorer", CLASSICAL: "gaussian"}
COLUMNS = (
    *("seed", "start", "t0_share", "evaluations", "sampler", "prior_seconds", "seconds"),
    *("fid", "fid_second", "to_source", "true_error", "to_train"),
)


def starts(config: RunConfig, run: Run) -> Iterator[tuple[str, Tensor, float]]:
    """Yield the images that the reverse process starts from, and the seconds that they cost."""
    clean = run.dataset.start.images[: run.scored_images]
    noisy = {"dataset": config.dataset, "seed": config.seed, "regime": "noisy", "std": STD}
    for name, prior in PRIORS.items():
        began = time.process_time()
        restoring = preset("quick", **noisy, prior=prior)
        stage = PriorStage(restoring, run.dataset, torch.device("cpu"))
        stage.prior.fit()
        restored = stage.prior.restore(stage.start)
        yield name, restored, time.process_time() - began
    began = time.process_time()
    restored = stopped_by_ddpm(run, preset("quick", **noisy, **EACH), clean)
    yield STOPPED, restored, time.process_time() - began
    yield REAL, clean, 0.0


def stopped_by_ddpm(run: Run, config: RunConfig, clean: Tensor) -> Tensor:
    """Return images that DIP has restored from noisy ones, a network each, stopped by the DDPM.

    It goes on until its images are as near to the noisy ones as the DDPM finds noise in these: the
    discrepancy principle, with a noise level that needs no clean image. As the DDPM's, DIP's images
    are those before the noise was clipped.
    """
    noisy = observe(clean, config, "start")
    level = noise_found(run, noisy)
    prior = DeepImagePrior(config, noisy)
    while prior.done < config.dip_steps:
        prior.step()
        if (prior.so_far(noisy) - noisy).square().mean().sqrt() <= level:
            break
    return prior.so_far(noisy)


@torch.no_grad()
def noise_found(run: Run, images: Tensor) -> float:
    """Return the deviation of the noise that a trained DDPM finds in images (N, C, H, W).

    It is told, in turn, that they are as noisy as its own at each of :data:`LEVELS` timesteps.
    Where it finds just as much noise as it was told, it is believed.
    """
    assert run.trainer is not None
    schedule, denoiser = schedule_of(run.config, "cpu"), run.trainer.ema.eval()
    found = []
    for t in torch.linspace(0, run.config.timesteps - 1, LEVELS).long().tolist():
        signal, told = float(schedule.signal[t]), float(schedule.noise[t])
        x = signal * images
        output = denoiser(x, torch.full((len(x),), t))
        # what is left of x once the image that the prediction implies is taken away
        eps = signal * output + told * x if run.config.prediction == "v" else output
        deviation = float(eps.square().mean().sqrt())
        found.append((abs(math.log(deviation)), deviation * told / signal))
    return min(found)[1]


def rows_of(dataset: str, seed: int) -> list[Row]:
    """Train and draw with one seed; return its rows."""
    torch.set_num_threads(1)
    config = preset("quick", dataset=dataset, prior="none", seed=seed, score_split="test")
    run = Run(config, "cpu")
    list(run.records())
    cells_of_noise = [(NOISE, 1.0, evaluations, None, 0.0) for evaluations in FROM_NOISE]
    others = [
        (name, share, evaluations, images, seconds)
        for name, images, seconds in starts(config, run)
        for share in SHARES
        for evaluations in EVALUATIONS
    ]
    return [
        row_of(run, name, share, evaluations, sampler, images, seconds)
        for name, share, evaluations, images, seconds in (*cells_of_noise, *others)
        for sampler in SAMPLERS
    ]


def row_of(
    run: Run,
    start: str,
    share: float,
    evaluations: int,
    sampler: str,
    images: Tensor | None,
    prior_seconds: float,
) -> Row:
    """Draw as many images as are scored by one cell of the map; return its row."""
    assert run.trainer is not None
    first, num = round(share * run.config.timesteps), run.scored_images
    config = preset(
        *("quick",),
        dataset=run.config.dataset,
        **SAMPLERS[sampler],
        # the sampler counts its steps over the whole way
        sampler_steps=round(evaluations / share),
        start_step=None if images is None else first,
    )
    sources = None if images is None else in_turn(images, num)
    rng = generator(run.config.seed, "crossing map")
    began = time.process_time()
    drawn = draw(run.trainer.ema.eval(), config, num, run.dataset.shape, rng, sources)
    seconds = time.process_time() - began
    reference, unit = run.reference, run.reference.real_nearest

    def distance(others: Tensor | None) -> float:
        if others is None:
            return math.nan
        return float((drawn - others).square().flatten(1).mean(1).sqrt().median()) / unit

    clean = None if images is None else in_turn(run.dataset.start.images[: len(images)], num)
    return {
        "seed": run.config.seed,
        "start": start,
        "t0_share": share,
        "evaluations": evaluations,
        "sampler": sampler,
        "prior_seconds": round(prior_seconds, 3),
        "seconds": round(prior_seconds + seconds, 3),
        "fid": round(fid(reference.real_features, reference.extract(drawn)), 4),
        "fid_second": round(reference.fid_second(drawn), 4),
        "to_source": round(distance(sources), 4),
        "true_error": round(distance(clean), 4),
        "to_train": round(float(nearest(drawn, reference.train).median()) / unit, 4),
    }


def main() -> None:
    """Run the seeds that are missing; write rows, figure and tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=("digits", "mnist-small"), default="digits")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--figure", type=Path)
    parser.add_argument(
        "--folder", type=Path, help="experiments of the original report, whose page is to show it"
    )
    args = parser.parse_args()
    file = DATA / f"crossing-map-{args.dataset}.csv"
    rows = read(file)
    seen = {
        seed: {row["start"] for row in rows if row["seed"] == seed} for seed in range(args.seeds)
    }
    done = {seed for seed, its in seen.items() if its == {NOISE, *PRIORS, STOPPED, REAL}}
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        writer.writerows(row for row in rows if row["seed"] in done)
    with concurrent.futures.ProcessPoolExecutor(
        args.processes, multiprocessing.get_context("spawn")
    ) as pool:
        todo = [seed for seed in range(args.seeds) if seed not in done]
        tasks = [pool.submit(rows_of, args.dataset, seed) for seed in todo]
        for task in concurrent.futures.as_completed(tasks):
            with file.open("a", newline="", encoding="utf-8") as lines:  # a whole seed at once
                csv.DictWriter(lines, COLUMNS).writerows(task.result())
            print(f"seed {task.result()[0]['seed']} is done", flush=True)
    rows = read(file)
    page = args.figure or Path(f"results/crossing-map-{args.dataset}.html")
    page.parent.mkdir(parents=True, exist_ok=True)
    figure(rows).write_html(page)
    print(f"written to {file} and {page}", *sentences(rows), sep="\n")
    write(file.stem, summary(rows))
    if args.folder:
        shutil.copy(file, args.folder / CROSSING_FILE)


if __name__ == "__main__":
    main()
