"""Films of a run that has ended: how its samples come out of noise, and how its prior comes to be.

They are drawn and fitted once more, so that no second of them counts in the run's own times.
"""

from torch import Tensor

from dipddpm.commands import Watch
from dipddpm.pipeline import Run
from dipddpm.prior_stage import observe
from dipddpm.priors import PRIORS, make_prior
from dipddpm.randomness import generator

IMAGES = 10
FRAMES = 16
CANDIDATES = 60
"""Samples drawn for a film, of which one of each class is shown."""


def sampling_film(run: Run) -> list[Tensor]:
    """Return frames of the reverse process, (10, C, H, W) in [-1, 1], from nearly all noise on.

    There is one image per class, in their order, as far as the features see classes.
    """
    if run.trainer is None:
        raise RuntimeError("there is no film before the first evaluation")
    watch = Watch(run.config.sampler_steps, frames=FRAMES, images=CANDIDATES)
    rng = generator(run.config.seed, "film", device=run.device)
    drawn = run.trainer.sample(CANDIDATES, rng, watch)
    chosen = _one_of_each(run.classes_of(drawn))
    return [frame[chosen].clamp(-1, 1) for frame in watch.frames]


def _one_of_each(classes: Tensor | None) -> list[int]:
    """Return the places of the first image of each class, by class, then of others up to ten."""
    if classes is None:
        return list(range(IMAGES))
    seen = classes.tolist()
    first = [seen.index(each) for each in sorted(set(seen))]
    return (first + [place for place in range(len(seen)) if place not in first])[:IMAGES]


def restoration_film(run: Run) -> list[Tensor]:
    """Return frames of what the prior makes of noisy images during its fit, the first one of these.

    Later frames are farther apart: a fit changes most at its begin. Empty where there are no steps
    of a fit to see.

    Raises:
        NonFiniteLossError: as the run itself would have.
    """
    config, kind, restoration = run.config, PRIORS[run.config.prior], run.restoration
    if restoration is None or "dip_steps" not in kind.parameters:
        return []
    noisy = restoration.noisy[:IMAGES]
    images = noisy
    if kind.amortised:
        size = kind.num_images(config, len(run.dataset.train))
        images = observe(run.dataset.train.images[:size].to(run.device), config, "train")
    prior = make_prior(config, images)
    wanted = _ever_farther(config.dip_steps, FRAMES - 1)
    frames = [noisy.cpu()]

    def watch(_stage: str, step: int, _steps: int) -> None:
        if step in wanted:
            frames.append(prior.so_far(noisy).clamp(-1, 1).cpu())

    prior.fit(watch)
    return frames


def _ever_farther(steps: int, count: int) -> set[int]:
    """Return up to ``count`` steps from 1 to the last one, evenly spaced in their logarithm."""
    return {round(steps ** (place / (count - 1))) for place in range(count)} if steps > 1 else {1}
