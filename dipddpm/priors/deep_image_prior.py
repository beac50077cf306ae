"""The original Deep Image Prior (Ulyanov, Vedaldi, Lempitsky, CVPR 2018), many images at once.

A network per image is fitted to that one image and nothing else, from a fixed random code or, as in
aSeqDIP (Alkhouri et al., NeurIPS 2024), from its own output. The architecture alone makes it draw
the image before it draws the noise. When to stop is decided without a clean image.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from dipddpm.corruption import corrupt, undo_clipping
from dipddpm.errors import ConfigError, require_finite
from dipddpm.networks.hourglass import Hourglass
from dipddpm.optimizer import load_moments, moments, under
from dipddpm.priors.protocol import Prior
from dipddpm.progress import Progress, silent
from dipddpm.randomness import generator, seeded_global

if TYPE_CHECKING:
    from dipddpm.config import RunConfig

CODE_CHANNELS = 16  # of the fixed random code; 32 in the paper, for photographs
CODE_SCALE = 0.1  # z ~ U(0, 1/10) (Ulyanov et al. 2018, supplement)
CODE_NOISE = 1 / 30  # deviation added to z at each step, relative to z's own scale (ibid.)
AUTOENCODING = 1.0  # λ of aSeqDIP: weight of the error against the input (Alkhouri et al. 2024)
STEPS_PER_INPUT = 2  # N of aSeqDIP: steps before the output becomes the input (ibid.)
AVERAGING = 0.9  # of the outputs, exponentially; 0.99 in the paper, whose fits are ten times longer
VARIANCE_DECAY = 0.1  # α of the exponential moving variance (Wang et al., TMLR 2023, Alg. 2)
CHECK_EVERY = 25  # steps between looks at the losses, for which the device is waited for
BURN_IN = 20  # steps before the moving variance means anything
SIMULATED = 16  # images, at most, to which noise is added in order to find the best step

TRACKED = ("average", "mean", "variance", "least", "best", "best_step")
"""The tensors by which each image's fit is stopped."""


class DeepImagePrior(Prior):
    """The prior ``dip``: every image is fitted by a network of its own and stopped by itself.

    All networks are trained in one batched computation; Adam works element by element, so each is
    trained as if alone. The outputs are averaged exponentially over the steps, and the average at
    the step of the stop is the restored image. What the networks draw from is set by ``dip_input``:

    - ``code``: a fixed random code, disturbed at each step (regularisation).
    - ``output``: the noisy image at first. Every other step it is replaced by the output, and the
      loss has the squared error between both as a second term (Alkhouri et al., "Image
      Reconstruction Via Autoencoding Sequential Deep Image Prior", NeurIPS 2024).

    The step of the stop is set by ``dip_stop``:

    - ``variance``: each image's own, where the moving variance of its outputs is smallest (Wang et
      al., "Early Stopping for Deep Image Prior", TMLR 2023, Alg. 2). It is small once the image is
      there, and grows again as the noise comes in. An image whose variance has not fallen for a
      fifth of ``dip_steps`` is done, and the fit ends when all are.
    - ``simulation``: one for all images, found by a parametric bootstrap (Efron & Tibshirani, "An
      Introduction to the Bootstrap", 1993, Ch. 6). A few images are restored by ``variance`` and
      get noise of deviation ``std`` again. A fit to these shows at which step it is nearest to
      what the noise was added to. In the clean regime there is no noise, and all steps are made.

    Height and width of the images must be multiples of 4, or a ConfigError is raised.
    """

    description: ClassVar[str] = "images restored by the original Deep Image Prior, a network each"
    parameters: ClassVar[frozenset[str]] = frozenset(
        {"std", "dip_lr", "dip_steps", "dip_width", "dip_input", "dip_stop", "prior_size"}
    )
    amortised: ClassVar[bool] = False

    def __init__(self, config: "RunConfig", images: Tensor) -> None:
        n, channels, height, width = images.shape
        self.config, self.images = config, images
        self.is_noisy = config.regime == "noisy"
        self.is_sequential = config.dip_input == "output"
        device = images.device
        inputs = channels if self.is_sequential else CODE_CHANNELS
        with seeded_global(config.seed, "deep image prior"):
            nets = [Hourglass(inputs, channels, config.dip_width) for _ in range(n)]
        stacked, _ = stack_module_state(nets)  # each (N, *shape)
        self.weights = {
            name: value.detach().to(device).requires_grad_() for name, value in stacked.items()
        }

        def draw(one: dict[str, Tensor], its_source: Tensor) -> Tensor:
            return functional_call(nets[0], one, its_source[None])[0]

        self.draw_all = vmap(draw)
        self.optimizer = torch.optim.Adam(list(self.weights.values()), config.dip_lr, fused=True)
        self.rng = generator(config.seed, "deep image prior", device=device)
        self.source = images
        if not self.is_sequential:
            shape = (n, CODE_CHANNELS, height, width)
            self.source = CODE_SCALE * torch.rand(shape, generator=self.rng, device=device)
        self.losses = torch.empty(config.dip_steps, device=device)
        self.average = self.mean = self.best = torch.zeros_like(images)
        self.variance = torch.zeros(n, device=device)
        self.least = torch.full((n,), torch.inf, device=device)
        self.best_step = torch.zeros(n, dtype=torch.long, device=device)
        self.stop: int | None = None  # the number of steps, once a simulation has found it
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
        """Fit all images until ``dip_stop`` says, for ``dip_steps`` at most.

        ``loss`` is the mean squared error of an image at the last step.

        Raises:
            NonFiniteLossError: the learning rate was too high.
        """
        if self.config.dip_stop == "simulation" and self.stop is None:
            self.stop = self.simulated_stop() if self.is_noisy else self.config.dip_steps
        while not self._is_over():
            self.step()
            progress("dip", self.done, self.config.dip_steps)
        self._require_finite()
        if self.stop is not None or self.done <= BURN_IN:
            self.best, self.best_step = self.average, torch.full_like(self.best_step, self.done - 1)
        self.loss = float(self.losses[self.done - 1]) / len(self.images)
        images = self.best.detach()
        if self.is_noisy:
            images = undo_clipping(images, self.config.std)
        self.restored = images

    def simulated_stop(self) -> int:
        """Return after how many steps a fit to simulated noise has the highest mean PSNR.

        Needs noisy images."""
        std, few = self.config.std, self.images[:SIMULATED]
        config = dataclasses.replace(self.config, dip_stop="variance")
        pilot = DeepImagePrior(config, few)
        pilot.fit()
        hidden = pilot.restore(few)
        rng = generator(config.seed, "simulated noise", device=few.device)
        simulated = DeepImagePrior(config, corrupt(hidden, std, rng))
        best, least = 1, math.inf
        while simulated.done < config.dip_steps and simulated.done - best <= self.patience:
            simulated.step()
            restored = undo_clipping(simulated.average, std)
            error = float((restored - hidden).square().flatten(1).mean(dim=1).log().mean())
            if error < least:
                best, least = simulated.done, error
        simulated._require_finite()
        return best

    def step(self) -> None:
        """Update the weights of all networks once, and what their stops go by."""
        step, source = self.done, self.source
        if not self.is_sequential:
            noise = torch.randn(source.shape, generator=self.rng, device=source.device)
            source = source + CODE_SCALE * CODE_NOISE * noise
        outputs = self.draw_all(self.weights, source)
        # the sum over images of each one's mean: no image's gradient depends on how many there are
        fidelity = loss = self.error(outputs).sum()
        if self.is_sequential:
            loss = loss + AUTOENCODING * (outputs - source).square().flatten(1).mean(dim=1).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses[step] = fidelity.detach()
        self.done += 1

        outputs = outputs.detach()
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
            if self.is_sequential and self.done % STEPS_PER_INPUT == 0:
                self.source = outputs

    def error(self, outputs: Tensor) -> Tensor:
        """Return the mean squared error of each output against its noisy image: (N,)."""
        return (outputs - self.images).square().flatten(1).mean(dim=1)

    def _waited(self, step: int) -> Tensor:
        """Return how many steps ago each image's variance was smallest: (N,)."""
        return step - self.best_step.clamp(min=BURN_IN)

    def _is_over(self) -> bool:
        if self.stop is not None or self.done >= self.config.dip_steps:
            return self.done >= (self.stop or self.config.dip_steps)
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

    def so_far(self, images: Tensor) -> Tensor:
        """Return the averaged outputs as they are now; ``images`` are those that are fitted."""
        return undo_clipping(self.average, self.config.std) if self.is_noisy else self.average

    def saw(self, num_train: int) -> str:
        kind = f"noisy, std {self.config.std:g}" if self.is_noisy else "clean"
        stop = int(self.best_step.median()) + 1
        how = "stop" if self.config.dip_stop == "simulation" else "median stop"
        return f"train[0:{num_train}] ({kind}), each image alone; {how} at step {stop}"

    def state_dict(self) -> dict[str, Tensor]:
        """Return the restored images once fitted; before, all that the next step needs."""
        if self.restored is not None:
            loss = torch.tensor(self.loss, dtype=torch.float64)
            return {"images": self.restored, "steps": self.best_step, "loss": loss}
        known = {} if self.stop is None else {"stop": torch.tensor(self.stop)}
        if self.is_sequential:
            known["source"] = self.source
        return {
            **known,
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
        self.stop = int(state["stop"]) if "stop" in state else None
        self.source = state["source"].to(device) if self.is_sequential else self.source
        self.rng.set_state(state["random_state"].cpu())
        self.losses[: self.done] = state["losses"]
        for name in TRACKED:
            setattr(self, name, state[name].to(device))
        with torch.no_grad():
            for name, value in under("net.", state).items():
                self.weights[name].copy_(value)
        load_moments(self.optimizer, state)
