"""Extra scores: what is measured once at the end of a run, besides its record.

They are left beside the run's pictures, as a table ``extra_scores.csv`` with a line per set of
images: what DIP restored of held-out images and of the batch that it was fitted to; the former
refined by the DDPM; samples by the number of reverse steps,
from noise and from start images at t₀; and samples that are not rescaled. To start the reverse
process from a noised image at t₀ < T is SDEdit (Meng et al. 2022).
"""

import csv
import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from dipddpm.config import RunConfig
from dipddpm.errors import NonFiniteImagesError
from dipddpm.images import contact_sheet, wrapped
from dipddpm.pipeline import NUM_PICTURES, Run
from dipddpm.quality import SCORES, psnr, ssim
from dipddpm.randomness import generator
from dipddpm.timing import now
from dipddpm.training import draw, in_turn
from study.replication.condition_names import FEW_STEPS, MANY_STEPS, PRIOR_SET, START_PART
from study.results.folder import EXTRA_SCORES_FILE

REVERSE_STEPS = (2, 5, FEW_STEPS, 25, MANY_STEPS)

COLUMNS = ("images", "steps", "start_step", "seconds", "n", "psnr", "ssim", "stroke_level")
"""The columns of the table that stand before the scores."""

Scored = tuple[dict[str, Any], Tensor]
"""A line of the table, and the images that it scores."""

PICTURES = {
    "fitted": None,
    "refined": None,
    "as they are": None,
    "from noise": FEW_STEPS,
    "from prior": FEW_STEPS,
}
"""Sets of images that are shown, by the number of reverse steps where there are several."""


def restoration(run: Run, folder: Path) -> None:
    """Score DIP's output, and the same refined."""
    _write(list(_restored(run)), folder)


def dip_alone(run: Run, folder: Path) -> None:
    """Score DIP's output, of held-out images and of the batch that it was fitted to.

    The latter is what the original report shows: in-sample, as its display showed it. The gap
    between the two is noise that the network has learnt by heart.
    """
    _write([next(_restored(run)), _fitted(run)], folder)
    assert run.restoration is not None
    in_sample = run.restoration.in_sample
    for name, images in (
        ("fitted-noisy", in_sample.noisy),
        ("fitted-wrapped", wrapped(in_sample.restored)),
    ):
        contact_sheet(images[:NUM_PICTURES].cpu()).save(folder / f"{name}.png")


def as_they_are(run: Run, folder: Path) -> None:
    """Score samples clipped at each step: rescaled ones, as the run draws, hide their level."""
    _write([_clipped(run)], folder)


def restoration_as_they_are(run: Run, folder: Path) -> None:
    """Score DIP's output, the same refined, and samples clipped at each step, as they are."""
    _write([*_restored(run), _fitted(run), _clipped(run)], folder)


def prior_set(run: Run, folder: Path) -> None:
    """Score what the DDPM learns from."""
    _write([_prior_set(run)], folder)


def from_noise(run: Run, folder: Path) -> None:
    """Score samples from noise by the number of reverse steps."""
    _write(list(_by_steps(run, {"from noise": None})), folder)


def everything(run: Run, folder: Path) -> None:
    """Score DIP's output, the same refined, the prior set, and samples by the number of steps.

    Samples start from noise, and at t₀ from images of a split that nothing has learnt from:
    restored by DIP, and the same without DIP.
    """
    assert run.trainer is not None
    clean = run.dataset.start.images.to(run.device)
    starts = {"from noise": None, "from prior": run.trainer.start, "from real images": clean}
    _write([*_restored(run), _prior_set(run), *_by_steps(run, starts)], folder)


def _write(found: list[Scored], folder: Path) -> None:
    with (folder / EXTRA_SCORES_FILE).open("w", newline="") as file:
        writer = csv.DictWriter(file, (*COLUMNS, *SCORES))
        writer.writeheader()
        writer.writerows(line for line, _ in found)
    for line, images in found:
        name = line["images"]
        if name in PICTURES and line.get("steps") == PICTURES[name]:
            sheet = contact_sheet(images[:NUM_PICTURES].cpu())
            sheet.save(folder / f"{name.replace(' ', '-')}.png")


def _restored(run: Run) -> Iterator[Scored]:
    """Yield held-out images that DIP restored: as they are, and noised to t₀ and denoised."""
    assert run.restoration is not None
    restored = run.restoration.restored[: run.scored_images]
    clean = run.dataset.validation.images[: len(restored)].to(restored.device)
    start = run.config.timesteps // START_PART
    yield _scored(run, "restored", restored, clean=clean), restored
    # these starts are held out, whatever was learnt from the start split
    config = dataclasses.replace(run.config, start_step=start, start_split="held-out")
    refined, seconds = _draw(run, config, restored)
    line = _scored(run, "refined", refined, clean=clean, sources=restored)
    yield line | {"start_step": start, "seconds": seconds}, refined


def _prior_set(run: Run) -> Scored:
    """Return the first images that the DDPM learns from, as far as they are scored.

    They are compared with the clean images that they are made from.
    """
    assert run.restoration is not None
    made = run.restoration.prior[: run.scored_images]
    clean = run.dataset.train.images[: len(made)].to(made.device)
    line = _scored(run, PRIOR_SET, made, clean=clean)
    return line | {"stroke_level": stroke_level(made, clean)}, made


def stroke_level(images: Tensor, clean: Tensor) -> float:
    """Return how bright strokes are, relative to those of the clean images; 1 is as bright.

    Strokes are the pixels that are brighter than mid-grey in the clean images. Both are
    (N, C, H, W) in [-1, 1], but ``images`` may leave that range.
    """
    strokes = clean > 0
    return float((images[strokes].mean() + 1) / (clean[strokes].mean() + 1))


def _fitted(run: Run) -> Scored:
    """Return the batch that DIP was fitted to, as far as it is scored, restored."""
    assert run.restoration is not None
    found = run.restoration.in_sample
    restored = found.restored[: run.scored_images]
    return _scored(run, "fitted", restored, clean=found.clean[: len(restored)]), restored


def _clipped(run: Run) -> Scored:
    """Return as many samples from noise, clipped at each step."""
    drawn, seconds = _draw(run, dataclasses.replace(run.config, output_range="clip"))
    return _scored(run, "as they are", drawn) | {"seconds": seconds}, drawn


def _by_steps(run: Run, starts: Mapping[str, Tensor | None]) -> Iterator[Scored]:
    """Yield as many samples by each number of reverse steps, from noise (None) and from t₀.

    Start images themselves are scored as 0 steps.
    """
    whole, num = run.config.timesteps, run.scored_images
    start = whole // START_PART
    for name, images in starts.items():
        sources = None if images is None else in_turn(images, num)
        first = whole if sources is None else start
        if sources is not None:
            yield _scored(run, name, sources, sources=sources) | {"steps": 0}, sources
        for steps in REVERSE_STEPS:
            # the sampler counts its steps over the whole way
            config = dataclasses.replace(
                run.config,
                sampler_steps=steps * whole // first,
                start_step=None if sources is None else start,
            )
            drawn, seconds = _draw(run, config, sources)
            line = _scored(run, name, drawn, sources=sources)
            line |= {"steps": steps, "start_step": first, "seconds": seconds}
            yield line, drawn


def _draw(run: Run, config: RunConfig, sources: Tensor | None = None) -> tuple[Tensor, float]:
    """Draw as many images as are scored, or one from each source; return them and the seconds."""
    assert run.trainer is not None
    num = run.scored_images if sources is None else len(sources)
    first = config.start_step or config.timesteps
    # "look" names the random stream: another name would draw other images
    rng = generator(config.seed, "look", config.sampler_steps, first, device=run.device)
    began = now(run.device)
    run.trainer.ema.eval()
    images = draw(run.trainer.ema, config, num, run.dataset.shape, rng, sources)
    return images, now(run.device) - began


def _scored(
    run: Run,
    name: str,
    images: Tensor,
    clean: Tensor | None = None,
    sources: Tensor | None = None,
) -> dict[str, Any]:
    """Return a line of the table; NaN in place of the scores of images that are not finite."""
    try:
        scores = run.reference.score(images.cpu(), None if sources is None else sources.cpu())
    except NonFiniteImagesError:  # the run's own samples are finite, or it would have failed
        scores = dict.fromkeys(SCORES, math.nan)
    line = {"images": name, "n": len(images), **scores}
    if clean is not None:
        line |= {"psnr": psnr(images, clean), "ssim": ssim(images, clean)}
    return line
