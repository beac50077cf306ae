"""The first stage of a run: a prior makes the images that the DDPM learns from, the prior set.

What the prior sees depends on the regime:

| regime  | prior      | it is fitted to                       | prior set                       |
|---------|------------|---------------------------------------|---------------------------------|
| clean   | `restorer` | clean images, and noise added to them | the network on clean images     |
| clean   | `dip`      | the clean images of the prior set     | what it drew of each            |
| clean   | `tv` …     | clean images, and noise added to them | the denoiser on clean images    |
| clean   | `none`     | –                                     | the clean images                |
| noisy   | `restorer` | noisy images alone (Noise2Self)       | the network on noisy images     |
| noisy   | `dip`      | the noisy images of the prior set     | what it drew of each            |
| noisy   | `tv` …     | noisy images alone                    | the denoiser on noisy images    |
| noisy   | `none`     | –                                     | the noisy images                |

The other classical denoisers are as `tv`.
In the noisy regime no prior sees a clean training image; each image has been corrupted once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from dipddpm.config import RunConfig
from dipddpm.corruption import corrupt, degrade
from dipddpm.data import Dataset
from dipddpm.priors import PRIORS, make_prior
from dipddpm.progress import Progress, silent
from dipddpm.quality import psnr, ssim
from dipddpm.randomness import generator
from dipddpm.timing import now


@dataclass(frozen=True)
class InSample:
    """What a prior makes of the very images that it was fitted to, (N, C, H, W) in [-1, 1].

    Attributes:
        clean: these images, as the fit asked for them.
        noisy: the same as the fit saw them.
        restored: the same as the fitted prior restores them. It has seen this noise, and may have
            learnt it by heart.
    """

    clean: Tensor
    noisy: Tensor
    restored: Tensor


@dataclass(frozen=True)
class Restoration:
    """What the stage leaves behind. Images are (N, C, H, W) in [-1, 1].

    Attributes:
        prior: the prior set, from which the DDPM learns.
        start: restored images of the start split, or what the prior makes of pure noise, where a
            reverse process that starts from images begins. There are as many as are scored at most.
        noisy: images before restoration: held-out ones, as many as are scored, or those that the
            prior was fitted to if it restores no others. Empty where the prior changes nothing.
        restored: the same images after restoration.
        in_sample: the batch that the prior was fitted to, restored; empty unless there was one.
        psnr_noisy: PSNR of ``noisy`` in dB, NaN where it is empty.
        psnr: PSNR of ``restored`` in dB.
        ssim: structural similarity of ``restored``, -1 … 1.
        saw: which images the prior was fitted to, in words.
        seconds: the time of fitting the prior and of applying it to the training set.
        loss: mean squared error on [-1, 1] at the end of the fit, NaN where nothing is fitted.
    """

    prior: Tensor
    start: Tensor
    noisy: Tensor
    restored: Tensor
    in_sample: InSample
    psnr_noisy: float
    psnr: float
    ssim: float
    saw: str
    seconds: float
    loss: float


def observe(images: Tensor, config: RunConfig, purpose: str) -> Tensor:
    """Return images as the regime lets them be seen: clean, or corrupted once and for all."""
    if config.regime == "clean":
        return images
    rng = generator(config.seed, "observation", purpose, device=images.device)
    return corrupt(images, config.std, rng)


class PriorStage:
    """The prior of a run at work on its images. It can be cut off and continued exactly.

    Raises:
        ConfigError: the prior cannot take these images.
    """

    def __init__(self, config: RunConfig, dataset: Dataset, device: torch.device) -> None:
        kind = PRIORS[config.prior]
        size = kind.num_images(config, len(dataset.train))
        num_start = min(config.scored_images, len(dataset.start))
        if not kind.amortised:  # each start image costs a fit of its own
            num_start = min(size, len(dataset.start)) if config.starts_from_images else 0
        self.config, self.dataset, self.device = config, dataset, device
        self.clean = dataset.train.images[:size].to(device)
        self.train = observe(self.clean, config, "train")
        self.start = self._before_the_start(dataset.start.images[:num_start].to(device))
        seen = self.train if kind.amortised else torch.cat([self.train, self.start])
        began = now(device)
        self.prior = make_prior(config, seen)
        self.is_done = False
        self._seconds = now(device) - began if kind.restores else 0.0
        self._began: float | None = None

    def _before_the_start(self, images: Tensor) -> Tensor:
        """Return what the prior makes start images of: images as they are seen, or pure noise."""
        if self.config.start_images == "restored":
            return observe(images, self.config, "start")
        rng = generator(self.config.seed, "start noise", device=images.device)
        noise = torch.randn(images.shape, generator=rng, device=images.device)
        return noise.clamp_(-1, 1)

    @property
    def seconds(self) -> float:
        """Seconds of making, fitting and applying the prior, before it was cut off included."""
        if self._began is None or not self.prior.restores:
            return self._seconds
        return self._seconds + now(self.device) - self._began

    def run(self, progress: Progress = silent) -> Restoration:
        """Fit the prior, unless that is done, and return what it makes of the images.

        Raises:
            NonFiniteLossError: the learning rate was too high.
        """
        prior, num_train = self.prior, len(self.train)
        if not self.is_done:
            self._began = now(self.device)
            prior.fit(progress)
        if prior.amortised:
            prior_set = prior.restore(self.train)
        else:
            both = prior.restore(torch.cat([self.train, self.start]))
            prior_set, start = both[:num_train], both[num_train:]
        self._seconds, self._began, self.is_done = self.seconds, None, True
        if prior.amortised:
            start = prior.restore(self.start)
        clean, noisy, restored = self._to_look_at(prior_set)
        has_some = len(restored) > 0
        return Restoration(
            prior=prior_set,
            start=start,
            noisy=noisy,
            restored=restored,
            in_sample=self._in_sample(),
            psnr_noisy=psnr(noisy, clean) if has_some else float("nan"),
            psnr=psnr(restored, clean) if has_some else float("nan"),
            ssim=ssim(restored, clean) if has_some else float("nan"),
            saw=prior.saw(num_train),
            seconds=self.seconds,
            loss=prior.loss,
        )

    def _to_look_at(self, prior_set: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return clean, noisy and restored images on which the prior is measured and shown."""
        if not self.prior.restores:
            return self.clean[:0], self.train[:0], prior_set[:0]
        if not self.prior.amortised:
            return self.clean, self.train, prior_set
        clean = self.dataset.validation.images[: self.config.scored_images].to(self.device)
        rng = generator(self.config.seed, "held-out noise", device=self.device)
        noisy = degrade(clean, self.config, rng)
        return clean, noisy, self.prior.restore(noisy)

    def _in_sample(self) -> InSample:
        clean, noisy = self.prior.fitted()
        return InSample(clean, noisy, self.prior.restore(noisy) if len(noisy) else noisy)

    def load(self, state: dict[str, Tensor], seconds: float, is_done: bool) -> None:
        """Continue from the state of an earlier prior, after so many seconds of this stage."""
        self.prior.load_state_dict(state)
        self._seconds, self.is_done = seconds, is_done
