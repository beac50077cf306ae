"""The training of features for images of one's own, on the train split alone.

Labels that are easy teach nothing of images, and there may be none. So three tasks are learnt
together, each with a last layer of its own on the same features:

| task      | question                                                    | needs labels |
|-----------|-------------------------------------------------------------|--------------|
| degraded  | which degradation, if any, has this image, and how strongly | no           |
| instance  | which of many images is this a moved copy of                | no           |
| classes   | which class is this                                         | yes          |

The second one is instance discrimination (Wu et al., CVPR 2018) by the loss of SimCLR (Chen et al.,
ICML 2020, Eq. 1). Training goes on in rounds until the features pass their check and no task is
learnt any better.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.data import Dataset, Split
from dipddpm.feature_check import (
    accuracy,
    check,
    checked_images,
    doubts,
    guessing,
    margins,
    shuffle_patches,
)
from dipddpm.features import (
    NUM_FEATURES,
    BandFeatureNet,
    Features,
    bands,
    features_of,
    soft_limit,
)
from dipddpm.progress import Progress, silent
from dipddpm.randomness import generator, seeded_global

VERSION = 2  # of the network and of this recipe

BATCH = 32  # real images in a step; each comes moved and degraded too
RATE = 1e-3  # of AdamW
ROUND = 50  # steps between checks
MOST_STEPS = 12 * ROUND
MARGIN = 1.25  # on the check's limits, from which on training may stop
RISE = 0.01  # of the mean accuracy in a round; less counts as none
TEMPERATURE = 0.2  # of the instance task
LEAST_STRENGTH = 0.5  # of a degradation: the larger share of an image decides its kind
MOST_AT_ONCE = 256  # images; bounds memory, changes nothing
MOST_IMAGES = 2048  # over which the features are standardised
MOST_HELD_OUT = 512  # on which the tasks are measured

Degrade = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def _noise(images: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Blend with noise whose deviation is drawn for each image."""
    std = torch.rand((len(images), 1, 1, 1), generator=rng)
    return images.lerp((std * torch.randn(images.shape, generator=rng)).clamp(-1, 1), strength)


def _blur(images: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Blend with the means of neighbourhoods of 3, 5 or 7 px."""
    reach = int(torch.randint(1, 4, (), generator=rng))
    means = F.avg_pool2d(images, 2 * reach + 1, 1, reach, count_include_pad=False)
    return images.lerp(means, strength)


def _shuffled_pixels(images: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Replace a share of the pixels by others of the image."""
    chosen = torch.rand((len(images), 1, *images.shape[2:]), generator=rng) < strength
    return torch.where(chosen, shuffle_patches(images, 1, rng), images)


def _shuffled_patches(images: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Shuffle patches of 2 px to half the side, always as a whole."""
    strength.fill_(1.0)
    side = int(torch.randint(2, images.shape[-1] // 2 + 1, (), generator=rng))
    return shuffle_patches(images, side, rng)


DEGRADATIONS: tuple[Degrade, ...] = (_noise, _blur, _shuffled_pixels, _shuffled_patches)


def degraded(images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Degrade a fourth of the images (N, C, H, W) in each way, by strengths of their own.

    Returns:
        The images, and the shares that each holds of a real image and of each way: (N, 5).
    """
    made, shares = [], []
    parts = images.tensor_split(len(DEGRADATIONS))
    for way, (part, degrade) in enumerate(zip(parts, DEGRADATIONS, strict=True), start=1):
        strength = torch.rand((len(part), 1, 1, 1), generator=rng)
        strength = LEAST_STRENGTH + (1 - LEAST_STRENGTH) * strength
        made.append(degrade(part, strength, rng))
        share = torch.zeros(len(part), 1 + len(DEGRADATIONS))
        share[:, way] = strength.flatten()
        share[:, 0] = 1 - share[:, way]
        shares.append(share)
    return torch.cat(made), torch.cat(shares)


def moved(images: Tensor, rng: torch.Generator) -> Tensor:
    """Move each image (N, C, H, W) by up to an eighth of its side, mirrored at its edges."""
    n, _, height, width = images.shape
    most = max(1, width // 8)
    padded = F.pad(images, (most,) * 4, mode="reflect").movedim(1, 3)  # -> (N, H, W, C)
    dy, dx = torch.randint(2 * most + 1, (2, n, 1), generator=rng)
    rows, columns = dy + torch.arange(height), dx + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None]].movedim(3, 1)


class Learner(nn.Module):
    """A feature network with the last layers of the tasks."""

    def __init__(self, train: Split) -> None:
        super().__init__()
        _, channels, _, size = train.images.shape
        self.net = BandFeatureNet(size, channels, int(train.labels.max()) + 1)
        self.degraded = nn.Linear(NUM_FEATURES, 1 + len(DEGRADATIONS))
        self.instance = nn.Linear(NUM_FEATURES, NUM_FEATURES)
        some = bands(train.images[:MOST_IMAGES])
        self.net.mean.copy_(some.mean((0, 2, 3), keepdim=True))
        self.net.std.copy_(some.std((0, 2, 3), keepdim=True).clamp_min(1e-3))

    def tasks(
        self, images: Tensor, labels: Tensor, rng: torch.Generator
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Return each task's logits and right answers (shares) for a batch of real images."""
        n = len(images)
        bad, shares = degraded(images, rng)
        raw = self.net.raw(torch.cat([images, bad, moved(images, rng)]))
        if self.training:  # standardised over the real images, as they are in the end
            standard = (raw - raw[:n].mean(0)) / (raw[:n].std(0) + self.net.standardise.eps)
        else:
            standard = self.net.standardise(raw)
        features = F.silu(soft_limit(standard))
        whole = F.one_hot(torch.zeros(n, dtype=torch.long), shares.shape[1]).float()
        codes = F.normalize(self.instance(features), dim=1)
        tasks = {
            "degraded": (self.degraded(features[: 2 * n]), torch.cat([whole, shares])),
            "instance": (codes[2 * n :] @ codes[:n].T / TEMPERATURE, torch.eye(n)),
        }
        if (classes := self.net.num_classes) > 1:
            right = F.one_hot(labels, classes).float()
            tasks["classes"] = (self.net.head(features[:n]), right)
        return tasks

    @torch.no_grad()
    def accuracies(self, split: Split) -> dict[str, float]:
        """Return the share of held-out images of which each task is done right.

        Of the task ``instance`` the choice is among a batch; of ``degraded`` half are not.
        """
        rng = generator(0, "feature accuracy")
        some = split.take(slice(MOST_HELD_OUT))
        right: dict[str, float] = {}
        for images, labels in zip(some.images.split(BATCH), some.labels.split(BATCH), strict=True):
            for name, (logits, target) in self.tasks(images, labels, rng).items():
                hits = (logits.argmax(1) == target.argmax(1)).float().mean()
                right[name] = right.get(name, 0.0) + float(hits) * len(images) / len(some)
        return right


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums keep one order, and networks this small gain little from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def train_features(dataset: Dataset, progress: Progress = silent) -> Features:
    """Return features trained on the whole train split.

    The start and the validation split decide when training ends; nothing is learnt from them.

    Args:
        progress: called with the stage ``features`` after each step. Training may end early.
    """
    began = time.perf_counter()
    train = dataset.full_train
    rng = generator(0, "features", dataset.identity)
    with seeded_global(0, "features", dataset.identity):
        learner = Learner(train)
    optimizer = torch.optim.AdamW(learner.parameters(), RATE, weight_decay=0.01)
    best = 0.0
    for step in range(1, MOST_STEPS + 1):
        chosen = torch.randperm(len(train), generator=rng)[:BATCH]
        tasks = learner.tasks(train.images[chosen], train.labels[chosen], rng)
        loss = torch.stack([F.cross_entropy(*task) for task in tasks.values()]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        progress("features", step, MOST_STEPS)
        if step % ROUND == 0:
            standardise(learner.net, train.images[:MOST_IMAGES])
            learner.eval()
            figures, accuracies = (
                check(learner.net, dataset),
                learner.accuracies(dataset.validation),
            )
            learner.train()
            mean = sum(accuracies.values()) / len(accuracies)
            if min(margins(figures).values()) >= MARGIN and mean < best + RISE:
                break
            best = max(best, mean)
    progress("features", step, step)
    learner.eval()
    card = make_card(learner, dataset, figures)
    seconds = time.perf_counter() - began
    return features_of(learner.net, card | {"steps": step, "seconds": seconds})


def make_card(
    learner: Learner, dataset: Dataset, figures: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """Return what a reader of a score should know of the features that it rests on."""
    net = learner.net
    held_out = Split(
        torch.cat([dataset.validation.images, dataset.test.images]),
        torch.cat([dataset.validation.labels, dataset.test.labels]),
    )
    has_labels = net.num_classes > 1
    card = {
        "name": f"{dataset.name}-features-v{VERSION}",
        "dataset": dataset.name,
        "identity": dataset.identity,
        "image_size": dataset.image_size,
        "channels": dataset.channels,
        "num_classes": net.num_classes,
        "num_features": NUM_FEATURES,
        "train_images": len(dataset.full_train),
        "held_out_images": len(held_out),
        "accuracy": accuracy(net, held_out) if has_labels else None,
        "guessing": guessing(held_out.labels) if has_labels else None,
        "tasks": learner.accuracies(held_out),
        "check": figures,
        "checked_images": checked_images(dataset),
        "parameters": sum(p.numel() for p in net.parameters()),
        "torch": torch.__version__,
    }
    return card | {"doubts": doubts(card)}


@torch.no_grad()
def standardise(net: BandFeatureNet, images: Tensor) -> None:
    """Set the mean and the variance of the features to those over some training images."""
    raw = torch.cat([net.raw(part) for part in images.split(MOST_AT_ONCE)])
    state = net.standardise.state_dict()
    state |= {"running_mean": raw.mean(0), "running_var": raw.var(0)}
    net.standardise.load_state_dict(state)
