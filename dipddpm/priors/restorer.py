"""The amortised prior: one small network that restores any image of the set."""

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm.corruption import degrade, noise_text, undo_clipping
from dipddpm.errors import ConfigError, require_finite
from dipddpm.held_out_pixels import GRID, hidden_pixels, hide
from dipddpm.networks.restorers import make_restorer
from dipddpm.optimizer import load_moments, moments, under
from dipddpm.priors.protocol import Prior
from dipddpm.progress import Progress, silent
from dipddpm.randomness import generator

if TYPE_CHECKING:
    from dipddpm.config import RunConfig

BATCH = 1024  # images restored at once; bounds memory
CPU_BATCH = 64  # the same on a CPU, whose caches hold so many: a tenth faster
CHECK_EVERY = 100  # steps between looks at the losses, for which the device is waited for


class Restorer(Prior):
    """The prior ``restorer``: a network trained by Adam on mean squared error.

    In the clean regime the images are clean. The network maps them, with noise of deviation
    ``std`` drawn anew at each step (or once for all steps, by ``dip_noise``), back to themselves.
    With ``dip_step`` it is the DDPM's own noise at that step.
    The network of the original report sees one batch at all steps, as in that report.

    In the noisy regime the images are all noisy and nothing clean is seen: Noise2Self (Batson &
    Royer, ICML 2019). Pixels on a sparse grid are replaced by the mean of their neighbours, and the
    network is asked for their noisy values. The noise of a pixel cannot be told from its
    neighbours, so the best answer is the pixel's expectation.

    Raises:
        ConfigError: there are fewer images than ``dip_batch_size``, or the network cannot take
            images of that size.
    """

    description: ClassVar[str] = "images that one network for all has restored"
    parameters: ClassVar[frozenset[str]] = frozenset(
        {
            *("std", "dip_step", "dip_lr", "dip_steps", "dip_batch_size", "dip_width"),
            *("restorer", "dip_noise", "prior_output"),
        }
    )

    def __init__(self, config: "RunConfig", images: Tensor) -> None:
        self.config = config
        self.is_blind = config.regime == "noisy"
        self.one_batch = config.restorer == "original" and not self.is_blind
        self.images = images[: config.dip_batch_size] if self.one_batch else images
        self.net = self._network(config, images.shape[1:]).to(images.device)
        self.rng = generator(config.seed, "restorer noise", device=images.device)
        self.noisy: Tensor | None = None
        if config.dip_noise == "once" and not self.is_blind:
            self.noisy = degrade(self.images, config, self.rng)
        # squared errors on [-1, 1] are 4 times those on [0, 1]: so Adam makes the original's steps
        eps = 4e-8 if config.restorer == "original" else 1e-8
        self.optimizer = torch.optim.Adam(self.net.parameters(), config.dip_lr, eps=eps, fused=True)
        self.losses = torch.empty(config.dip_steps, device=images.device)
        self.done = 0
        self.is_fitted = False

    @classmethod
    def check(cls, config: "RunConfig", shape: torch.Size, available: int) -> None:
        if config.dip_batch_size > available:
            most = f"at most {available}, the number of images to learn from"
            raise ConfigError("dip_batch_size", config.dip_batch_size, most)
        if config.restorer == "unet" and config.dip_width % 8:
            raise ConfigError("dip_width", config.dip_width, "a multiple of 8 for restorer unet")
        cls._network(config, shape)  # which may not take images of this size

    @staticmethod
    def _network(config: "RunConfig", shape: torch.Size) -> nn.Module:
        channels, _, size = shape
        return make_restorer(config.restorer, size, channels, config.dip_width, config.seed)

    def fit(self, progress: Progress = silent) -> None:
        """Train for the steps that are left; ``loss`` is the mean over the last ones (at most 10).

        Raises:
            NonFiniteLossError: the learning rate was too high.
        """
        steps = self.config.dip_steps
        settings = f"dip_lr={self.config.dip_lr:g}"
        settings += "" if self.is_blind else f", {noise_text(self.config, '=')}"
        while self.done < steps:
            loss = self._loss()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses[self.done] = loss.detach()
            self.done += 1
            progress("dip", self.done, steps)
            if self.done % CHECK_EVERY == 1 or self.done == steps:
                require_finite(self.losses[: self.done], "DIP", settings)
        self.loss = float(self.losses[-10:].mean())
        self.is_fitted = True

    def _loss(self) -> Tensor:
        chosen: Tensor | slice = slice(None)
        if not self.one_batch:
            size, device = (self.config.dip_batch_size,), self.images.device
            chosen = torch.randint(len(self.images), size, generator=self.rng, device=device)
        target = self.images[chosen]
        if self.is_blind:
            hidden = hidden_pixels(target, self.done % GRID**2)
            error = (self.net(hide(target, hidden)) - target).square()
            return (error * hidden).sum() / (hidden.sum() * target.shape[0] * target.shape[1])
        noisy = self.noisy
        source = degrade(target, self.config, self.rng) if noisy is None else noisy[chosen]
        return F.mse_loss(self.net(source), target)

    def restore(self, images: Tensor) -> Tensor:
        """Return any images of the set's size, restored: like ``images``, in [-1, 1].

        With ``prior_output="raw"`` they are as the network gives them, which may leave that range.
        """
        if self.is_blind:
            return undo_clipping(restore_blind(self.net, images), self.config.std)
        restored = apply(self.net, images)
        return restored if self.config.prior_output == "raw" else restored.clamp(-1, 1)

    def fitted(self) -> tuple[Tensor, Tensor]:
        if self.one_batch and self.noisy is not None:
            return self.images, self.noisy
        return super().fitted()

    def saw(self, num_train: int) -> str:
        if self.is_blind:
            std = f"{self.config.std:g}"
            return f"noisy train[0:{num_train}] (std {std}), nothing clean: Noise2Self"
        seen = self.config.dip_batch_size if self.one_batch else num_train
        once = "" if self.noisy is None else ", drawn once"
        return f"clean train[0:{seen}], with noise of {noise_text(self.config)}{once}"

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights and the loss once fitted; before, all that the next step needs."""
        if self.is_fitted:
            loss = torch.tensor(self.loss, dtype=torch.float64)
            return {**self.net.state_dict(), "loss": loss}
        return {
            "done": torch.tensor(self.done),
            "random_state": self.rng.get_state(),
            "losses": self.losses[: self.done],
            **{f"net.{name}": value for name, value in self.net.state_dict().items()},
            **moments(self.optimizer),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where :meth:`state_dict` was taken."""
        if "loss" in state:
            self.net.load_state_dict({k: v for k, v in state.items() if k != "loss"})
            self.loss, self.is_fitted = float(state["loss"]), True
            return
        self.done = int(state["done"])
        self.rng.set_state(state["random_state"].cpu())
        self.losses[: self.done] = state["losses"]
        self.net.load_state_dict(under("net.", state))
        load_moments(self.optimizer, state)


@torch.no_grad()
def apply(net: nn.Module, images: Tensor) -> Tensor:
    """Apply a network to (N, C, H, W) in [-1, 1]."""
    size = CPU_BATCH if images.device.type == "cpu" else BATCH
    return torch.cat([net(batch) for batch in images.split(size)])


@torch.no_grad()
def restore_blind(net: nn.Module, images: Tensor) -> Tensor:
    """Apply a Noise2Self network as it was trained: no pixel is seen by its own estimate.

    The result is clipped to [-1, 1].
    """
    result = torch.zeros_like(images)
    for phase in range(GRID**2):
        hidden = hidden_pixels(images, phase)
        result += apply(net, hide(images, hidden)).clamp(-1, 1) * hidden
    return result
