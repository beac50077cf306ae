"""The Deep Image Prior stage: what the DDPM will learn from, and what it may start from.

| regime  | prior      | DIP sees                              | prior set                       |
|---------|------------|---------------------------------------|---------------------------------|
| clean   | `restorer` | clean images, and noise added to them | the network on clean images     |
| clean   | `dip`      | the clean images of the prior set     | what it drew of each            |
| clean   | `none`     | –                                     | the clean images                |
| noisy   | `restorer` | noisy images alone (Noise2Self)       | the network on noisy images     |
| noisy   | `dip`      | the noisy images of the prior set     | what it drew of each            |
| noisy   | `none`     | –                                     | the noisy images                |

In the noisy regime nothing here sees a clean training image; each has been corrupted once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dipddpm import deep_image_prior, restorer
from dipddpm.config import RunConfig
from dipddpm.corruption import corrupt, undo_clipping
from dipddpm.data import Dataset
from dipddpm.progress import Progress, silent
from dipddpm.quality import psnr, ssim
from dipddpm.randomness import generator
from dipddpm.timing import now

MAX_HELD_OUT = 1000  # held-out images that the restoration is measured on


@dataclass(frozen=True)
class Restoration:
    """What the stage leaves behind. Images are (N, C, H, W) in [-1, 1]."""

    prior: Tensor
    """What the DDPM learns from."""
    start: Tensor
    """The same of images of the start split, as many as are scored at most: where a shortened
    reverse process begins."""
    noisy: Tensor
    """Images before restoration …"""
    restored: Tensor
    """… and after; both empty without DIP. Held-out ones where DIP can restore any image."""
    psnr_noisy: float
    psnr: float
    ssim: float
    saw: str
    """Which images DIP was fitted to, in words."""
    seconds: float
    loss: float
    """Of the fit, at its end."""
    fit: dict[str, Tensor]
    """What was fitted: all else follows from it and the settings."""


Begins = Callable[[restorer.Fit], None]
"""Is handed a restorer's fit before its first step, to save it or to bring an earlier one back."""


def leave(fit: restorer.Fit) -> None:
    """No interest."""


def run_dip(
    config: RunConfig,
    dataset: Dataset,
    device: torch.device,
    progress: Progress = silent,
    fit: dict[str, Tensor] | None = None,
    begins: Begins = leave,
) -> Restoration:
    """Run the stage; with the ``fit`` of an earlier :class:`Restoration` only what follows from it.

    Raises:
        NonFiniteLossError: the learning rate was too high.
    """
    if config.prior == "restorer":
        return _restorer(config, dataset, device, progress, fit or {}, begins)
    kind = {"dip": _deep_image_prior, "none": _nothing}[config.prior]
    return kind(config, dataset, device, progress, fit or {})


def observe(images: Tensor, config: RunConfig, purpose: str) -> Tensor:
    """The images as the regime lets them be seen: themselves, or corrupted once and for all."""
    if config.regime == "clean":
        return images
    rng = generator(config.seed, "observation", purpose, device=images.device)
    return corrupt(images, config.std, rng)


def _observed_start(config: RunConfig, dataset: Dataset, device: torch.device) -> Tensor:
    return observe(dataset.start.images[: config.scored_images].to(device), config, "start")


def make_network(config: RunConfig, shape: torch.Size, device: torch.device) -> nn.Module:
    """The restorer of a run for images of ``shape`` (C, H, W), with fresh weights."""
    channels, _, size = shape
    net = restorer.make_restorer(
        config.restorer, size, channels, config.dip_width, config.seed, config.value_range
    )
    return net.to(device)


def fit_network(
    config: RunConfig, train: Tensor, progress: Progress = silent, begins: Begins = leave
) -> tuple[nn.Module, float]:
    """The restorer of a regime and its loss; ``train`` as that regime lets it be seen."""
    net = make_network(config, train.shape[1:], train.device)
    fit = restorer.Fit(
        net,
        train,
        std=config.std if config.regime == "clean" else None,
        batch_size=config.dip_batch_size,
        one_batch=config.restorer == "original",
        noise_once=config.dip_noise == "once",
        lr=config.dip_lr,
        steps=config.dip_steps,
        seed=config.seed,
    )
    begins(fit)
    return net, fit.run(progress)


def apply_network(net: nn.Module, images: Tensor, config: RunConfig) -> Tensor:
    """Restore images by a network from :func:`fit_network`: like ``images``, in [-1, 1]."""
    if config.regime == "clean":
        return restorer.restore(net, images)
    return undo_clipping(restorer.restore_blind(net, images), config.std)


def fit_each(
    config: RunConfig, images: Tensor, progress: Progress = silent
) -> tuple[Tensor, Tensor, float]:
    """The original prior by a run's settings; see :func:`deep_image_prior.fit_images`."""
    return deep_image_prior.fit_images(
        images,
        width=config.dip_width,
        lr=config.dip_lr,
        steps=config.dip_steps,
        seed=config.seed,
        progress=progress,
    )


def _restorer(
    config: RunConfig,
    dataset: Dataset,
    device: torch.device,
    progress: Progress,
    fit: dict[str, Tensor],
    begins: Begins,
) -> Restoration:
    train = observe(dataset.train.images.to(device), config, "train")
    start = _observed_start(config, dataset, device)
    began, earlier_s = now(device), 0.0

    def begun(under_way: restorer.Fit) -> None:
        nonlocal earlier_s
        begins(under_way)
        earlier_s = under_way.earlier_s

    if fit:
        net = make_network(config, train.shape[1:], device)
        net.load_state_dict({k: v for k, v in fit.items() if k not in ("seconds", "loss")})
        loss = float(fit["loss"])
    else:
        net, loss = fit_network(config, train, progress, begun)
    prior = apply_network(net, train, config)
    seconds = float(fit["seconds"]) if fit else earlier_s + now(device) - began
    held_out = dataset.validation.images[:MAX_HELD_OUT].to(device)
    rng = generator(config.seed, "held-out noise", device=device)
    noisy = corrupt(held_out, config.std, rng)
    restored = apply_network(net, noisy, config)
    if config.regime == "clean":
        seen = config.dip_batch_size if config.restorer == "original" else len(train)
        saw = f"clean train[0:{seen}], with noise of std {config.std:g}"
        saw += ", drawn once" if config.dip_noise == "once" else ""
    else:
        saw = f"noisy train[0:{len(train)}] (std {config.std:g}), nothing clean: Noise2Self"
    return Restoration(
        prior=prior,
        start=apply_network(net, start, config),
        noisy=noisy,
        restored=restored,
        psnr_noisy=psnr(noisy, held_out),
        psnr=psnr(restored, held_out),
        ssim=ssim(restored, held_out),
        saw=saw,
        seconds=seconds,
        loss=loss,
        fit={**net.state_dict(), "seconds": _number(seconds), "loss": _number(loss)},
    )


def _deep_image_prior(
    config: RunConfig,
    dataset: Dataset,
    device: torch.device,
    progress: Progress,
    fit: dict[str, Tensor],
) -> Restoration:
    size = min(config.prior_size, len(dataset.train))
    num_start = min(size, len(dataset.start)) if config.start_step else 0
    clean = dataset.train.images[:size].to(device)
    train = observe(clean, config, "train")
    start = observe(dataset.start.images[:num_start].to(device), config, "start")
    began = now(device)
    if not fit:
        images, steps, loss = fit_each(config, torch.cat([train, start]), progress)
        if config.regime == "noisy":
            images = undo_clipping(images, config.std)
        seconds = _number(now(device) - began)
        fit = {"images": images, "steps": steps, "seconds": seconds, "loss": _number(loss)}
    images = fit["images"].to(device)
    prior = images[:size]
    noise = f" (noisy, std {config.std:g})" if config.regime == "noisy" else " (clean)"
    return Restoration(
        prior=prior,
        start=images[size:],
        noisy=train,
        restored=prior,
        psnr_noisy=psnr(train, clean),
        psnr=psnr(prior, clean),
        ssim=ssim(prior, clean),
        saw=f"train[0:{size}]{noise}, each image alone; median stop at step "
        f"{int(fit['steps'].median()) + 1}",
        seconds=float(fit["seconds"]),
        loss=float(fit["loss"]),
        fit=fit,
    )


def _nothing(
    config: RunConfig,
    dataset: Dataset,
    device: torch.device,
    progress: Progress,
    fit: dict[str, Tensor],
) -> Restoration:
    prior = observe(dataset.train.images.to(device), config, "train")
    nan = float("nan")
    return Restoration(
        prior=prior,
        start=_observed_start(config, dataset, device),
        noisy=prior[:0],
        restored=prior[:0],
        psnr_noisy=nan,
        psnr=nan,
        ssim=nan,
        saw="nothing",
        seconds=0.0,
        loss=nan,
        fit={},
    )


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)
