"""The original Deep Image Prior (Ulyanov, Vedaldi, Lempitsky, CVPR 2018), many images at once.

A network per image is fitted from a fixed random code to that one image and nothing else. The
architecture alone makes it draw the image before it draws the noise. When to stop is decided
without a clean image.
"""

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from dipddpm.corruption import undo_clipping
from dipddpm.errors import ConfigError, require_finite
from dipddpm.networks.hourglass import CODE_CHANNELS, Hourglass
from dipddpm.optimizer import load_moments, moments, under
from dipddpm.priors.protocol import Prior
from dipddpm.progress import Progress, silent
from dipddpm.randomness import generator, seeded_global

if TYPE_CHECKING:
    from dipddpm.config import RunConfig

CODE_SCALE = 0.1  # z ~ U(0, 1/10) (Ulyanov et al. 2018, supplement)
CODE_NOISE = 1 / 30  # deviation added to z at each step, relative to z's own scale (ibid.)
AVERAGING = 0.9  # of the outputs, exponentially; 0.99 in the paper, whose fits are ten times longer
VARIANCE_DECAY = 0.1  # α of the exponential moving variance (Wang et al., TMLR 2023, Alg. 2)
CHECK_EVERY = 25  # steps between looks at the losses, for which the device is waited for
BURN_IN = 20  # steps before the moving variance means anything

TRACKED = ("average", "mean", "variance", "least", "best", "best_step")
"""The tensors by which each image's fit is stopped."""


class DeepImagePrior(Prior):
    """The prior ``dip``: every image is fitted by a network of its own and stopped by itself.

    All networks are trained in one batched computation; Adam works element by element, so each is
    trained as if alone. At each step the code is disturbed (regularisation) and the outputs are
    averaged exponentially. The average is kept at the step where the moving variance of the outputs
    is smallest (Wang et al., "Early Stopping for Deep Image Prior", TMLR 2023, Alg. 2). It is small
    once the image is there, and grows again as the noise comes in. An image whose variance has not
    fallen for a fifth of ``dip_steps`` is done, and the fit ends when all are.

    Height and width of the images must be multiples of 4, or a ConfigError is raised.
    """

    description: ClassVar[str] = "images restored by the original Deep Image Prior, a network each"
    parameters: ClassVar[frozenset[str]] = frozenset(
        {"std", "dip_lr", "dip_steps", "dip_width", "prior_size"}
    )
    amortised: ClassVar[bool] = False

    def __init__(self, config: "RunConfig", images: Tensor) -> None:
        n, channels, height, width = images.shape
        self.config, self.images = config, images
        self.is_noisy = config.regime == "noisy"
        device = images.device
        with seeded_global(config.seed, "deep image prior"):
            nets = [Hourglass(channels, config.dip_width) for _ in range(n)]
        stacked, _ = stack_module_state(nets)  # each (N, *shape)
        self.weights = {
            name: value.detach().to(device).requires_grad_() for name, value in stacked.items()
        }

        def draw(one: dict[str, Tensor], its_code: Tensor) -> Tensor:
            return functional_call(nets[0], one, its_code[None])[0]

        self.draw_all = vmap(draw)
        self.optimizer = torch.optim.Adam(list(self.weights.values()), config.dip_lr, fused=True)
        self.rng = generator(config.seed, "deep image prior", device=device)
        shape = (n, CODE_CHANNELS, height, width)
        self.code = CODE_SCALE * torch.rand(shape, generator=self.rng, device=device)
        self.losses = torch.empty(config.dip_steps, device=device)
        self.average = self.mean = self.best = torch.zeros_like(images)
        self.variance = torch.zeros(n, device=device)
        self.least = torch.full((n,), torch.inf, device=device)
        self.best_step = torch.zeros(n, dtype=torch.long, device=device)
        self.done = 0
        self.restored: Tensor | None = None

    @classmethod
    def num_images(cls, config: "RunConfig", available: int) -> int:
        return min(config.prior_size, available)

    @classmethod
    def check(cls, config: "RunConfig", shape: torch.Size, available: int) -> None:
        _, height, width = shape
        if height % 4 or width % 4:
            raise ConfigError("image_size", f"{height}×{width}", "multiples of 4")

    @property
    def patience(self) -> int:
        """Steps that an image's fit is continued after its best one."""
        return max(self.config.dip_steps // 5, BURN_IN)

    def fit(self, progress: Progress = silent) -> None:
        """Fit all images for ``dip_steps`` or until each has stopped.

        ``loss`` is the mean loss of an image at the last step.

        Raises:
            NonFiniteLossError: the learning rate was too high.
        """
        while self.done < self.config.dip_steps and not self._have_all_stopped():
            self._step()
            self.done += 1
            progress("dip", self.done, self.config.dip_steps)
        self._require_finite()
        if self.done <= BURN_IN:
            self.best, self.best_step = self.average, torch.full_like(self.best_step, self.done - 1)
        self.loss = float(self.losses[self.done - 1]) / len(self.images)
        images = self.best.detach()
        if self.is_noisy:
            images = undo_clipping(images, self.config.std)
        self.restored = images

    def _step(self) -> None:
        step = self.done
        noise = torch.randn(self.code.shape, generator=self.rng, device=self.code.device)
        outputs = self.draw_all(self.weights, self.code + CODE_SCALE * CODE_NOISE * noise)
        # the sum over images of each one's mean: no image's gradient depends on how many there are
        loss = (outputs - self.images).square().flatten(1).mean(dim=1).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses[step] = loss.detach()

        with torch.no_grad():
            self.average = outputs if step == 0 else self.average.lerp(outputs, 1 - AVERAGING)
            change = (outputs - self.mean).square().flatten(1).mean(dim=1)
            self.mean = self.mean.lerp(outputs, VARIANCE_DECAY)
            self.variance = (1 - VARIANCE_DECAY) * (self.variance + VARIANCE_DECAY * change)
            is_open = self._waited(step) <= self.patience
            improved = (self.variance < self.least) & (step >= BURN_IN) & is_open
            self.least = torch.where(improved, self.variance, self.least)
            self.best = torch.where(improved[:, None, None, None], self.average, self.best)
            self.best_step = torch.where(improved, step, self.best_step)

    def _waited(self, step: int) -> Tensor:
        """Return how many steps ago each image's variance was smallest: (N,)."""
        return step - self.best_step.clamp(min=BURN_IN)

    def _have_all_stopped(self) -> bool:
        if self.done == 0 or self.done % CHECK_EVERY:
            return False
        self._require_finite()
        return bool((self._waited(self.done - 1) > self.patience).all())

    def _require_finite(self) -> None:
        require_finite(self.losses[: self.done], "DIP", f"dip_lr={self.config.dip_lr:g}")

    def restore(self, images: Tensor) -> Tensor:
        """Return the restored images of those that the prior was fitted to; no others.

        Raises:
            ValueError: ``images`` are not as many.
        """
        if self.restored is None or len(images) != len(self.restored):
            raise ValueError("a Deep Image Prior restores the images that it was fitted to")
        return self.restored

    def saw(self, num_train: int) -> str:
        kind = f"noisy, std {self.config.std:g}" if self.is_noisy else "clean"
        stop = int(self.best_step.median()) + 1
        return f"train[0:{num_train}] ({kind}), each image alone; median stop at step {stop}"

    def state_dict(self) -> dict[str, Tensor]:
        """Return the restored images once fitted; before, all that the next step needs."""
        if self.restored is not None:
            loss = torch.tensor(self.loss, dtype=torch.float64)
            return {"images": self.restored, "steps": self.best_step, "loss": loss}
        return {
            "done": torch.tensor(self.done),
            "random_state": self.rng.get_state(),
            "losses": self.losses[: self.done],
            **{name: getattr(self, name).detach() for name in TRACKED},
            **{f"net.{name}": value.detach() for name, value in self.weights.items()},
            **moments(self.optimizer),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where :meth:`state_dict` was taken."""
        device = self.images.device
        if "images" in state:
            self.restored = state["images"].to(device)
            self.best_step, self.loss = state["steps"].to(device), float(state["loss"])
            return
        self.done = int(state["done"])
        self.rng.set_state(state["random_state"].cpu())
        self.losses[: self.done] = state["losses"]
        for name in TRACKED:
            setattr(self, name, state[name].to(device))
        with torch.no_grad():
            for name, value in under("net.", state).items():
                self.weights[name].copy_(value)
        load_moments(self.optimizer, state)
