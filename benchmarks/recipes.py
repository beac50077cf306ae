"""What a user would run instead: the original's loops and those of two well-known libraries.

Plain eager float32 PyTorch, as their authors wrote them. Each recipe of a DDPM is trained by
``step`` on (N, 1, 28, 28) in [-1, 1] and drawn from through ``denoiser``, which predicts what
``prediction`` says.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dipddpm import diffusion
from dipddpm.config import preset
from dipddpm.corruption import corrupt
from dipddpm.data import to_unit
from dipddpm.networks.original_unet import OriginalUNet
from dipddpm.networks.restorers import OriginalRestorer
from dipddpm.training import Trainer

BATCH_SIZE = 128
TIMESTEPS = 1000
LR = (
    1e-3  # of all recipes, the original's; diffusers' example has 1e-4, for 100 times as many steps
)


class Recipe:
    """A model in training; ``stateful`` names what its next step depends on."""

    model: nn.Module
    prediction = "epsilon"
    stateful: tuple[str, ...] = ("model", "optimizer")

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on, besides the random state."""
        return {name: getattr(self, name).state_dict() for name in self.stateful}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        for name in self.stateful:
            getattr(self, name).load_state_dict(state[name])


class OriginalDDPM(Recipe):
    """The original's loop: its U-Net, Adam, ε-loss, linear schedule; no moving average."""

    def __init__(self, seed: int, device: torch.device) -> None:
        torch.manual_seed(seed)
        self.model = OriginalUNet(28, 1).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), LR)
        self.alphas_cumprod = torch.cumprod(
            1 - torch.linspace(1e-4, 0.02, TIMESTEPS, device=device), 0
        )

    def step(self, x0: Tensor) -> float:
        """Take one training step; return its loss."""
        noise = torch.randn_like(x0)
        t = torch.randint(0, TIMESTEPS, (len(x0),), device=x0.device)
        alpha_bar = self.alphas_cumprod[t].view(-1, 1, 1, 1)
        noisy = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise
        loss = F.mse_loss(self.model(noisy, t), noise)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @property
    def denoiser(self) -> diffusion.Denoiser:
        """Return the network to draw with."""
        return self.model.eval()


class DiffusersDDPM(Recipe):
    """diffusers' unconditional-training example: UNet2DModel, AdamW, clipped gradients, an EMA."""

    stateful = ("model", "optimizer", "ema")

    def __init__(self, seed: int, device: torch.device) -> None:
        from diffusers import DDPMScheduler, UNet2DModel
        from diffusers.training_utils import EMAModel

        torch.manual_seed(seed)
        self.model = UNet2DModel(
            sample_size=28,
            in_channels=1,
            out_channels=1,
            layers_per_block=1,
            block_out_channels=(16, 32, 64),
            norm_num_groups=8,
            down_block_types=("DownBlock2D",) * 3,
            up_block_types=("UpBlock2D",) * 3,
        ).to(device)
        self.noise_scheduler = DDPMScheduler(TIMESTEPS, beta_schedule="linear")
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), LR, betas=(0.95, 0.999), weight_decay=1e-6
        )
        self.ema = EMAModel(
            self.model.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75
        )

    def step(self, x0: Tensor) -> float:
        """Take one training step; return its loss."""
        noise = torch.randn_like(x0)
        t = torch.randint(0, TIMESTEPS, (len(x0),), device=x0.device)
        loss = F.mse_loss(self.model(self.noise_scheduler.add_noise(x0, noise, t), t).sample, noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.ema.step(self.model.parameters())
        return loss.item()

    @property
    def denoiser(self) -> diffusion.Denoiser:
        """Return the network to draw with."""
        averaged = type(self.model).from_config(self.model.config)
        averaged.load_state_dict(self.model.state_dict())
        self.ema.copy_to(averaged.parameters())
        averaged.eval()
        return lambda x, t: averaged(x, t).sample


class LucidrainsDDPM(Recipe):
    """denoising-diffusion-pytorch: its Unet, GaussianDiffusion and the steps of its Trainer."""

    stateful = ("model", "optimizer", "ema")

    def __init__(self, seed: int, device: torch.device) -> None:
        from denoising_diffusion_pytorch import GaussianDiffusion, Unet
        from ema_pytorch import EMA

        torch.manual_seed(seed)
        self.model = Unet(dim=16, dim_mults=(1, 2, 4), channels=1).to(device)
        self.diffusion = GaussianDiffusion(
            self.model,
            image_size=28,
            timesteps=TIMESTEPS,
            beta_schedule="linear",
            objective="pred_noise",
            auto_normalize=False,
        ).to(device)
        self.optimizer = torch.optim.Adam(self.diffusion.parameters(), LR, betas=(0.9, 0.99))
        self.ema = EMA(self.diffusion, beta=0.995, update_every=10).to(device)

    def step(self, x0: Tensor) -> float:
        """Take one training step; return its loss."""
        loss = self.diffusion(x0)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.diffusion.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.ema.update()
        return loss.item()

    @property
    def denoiser(self) -> diffusion.Denoiser:
        """Return the network to draw with."""
        return self.ema.ema_model.model.eval()


class OurDDPM(Recipe):
    """This library's trainer, as ``--preset original`` has it."""

    stateful = ("trainer",)

    def __init__(self, seed: int, device: torch.device) -> None:
        config = preset("original", prior="none", ddpm_lr=LR, seed=seed)
        shape = torch.zeros(1, 1, 28, 28, device=device)  # batches are handed over one by one
        self.trainer = Trainer(config, shape, shape)
        self.model = self.trainer.model
        self.prediction = config.prediction

    def step(self, x0: Tensor) -> float:
        """Take one training step; return its loss."""
        return float(self.trainer.step(x0))

    @property
    def denoiser(self) -> diffusion.Denoiser:
        """Return the network to draw with."""
        return self.trainer.ema.eval()


class OriginalDIP(Recipe):
    """The original's DIP loop: one batch of clean images, one draw of noise, Adam, MSE on [0, 1].

    That the noise is drawn once follows from the original's loss, which falls to 0.0016: with noise
    of std 1 drawn anew at each step it cannot fall below about 0.03.
    """

    def __init__(self, clean: Tensor, std: float, lr: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.model = OriginalRestorer(1, 64).to(clean.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr)
        rng = torch.Generator(clean.device).manual_seed(seed)
        self.clean, self.noisy = clean, corrupt(clean, std, rng)

    def step(self) -> float:
        """Take one training step; return its loss."""
        loss = F.mse_loss(to_unit(self.model(self.noisy)), to_unit(self.clean))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def restore(self, images: Tensor) -> Tensor:
        """Return restored images, (N, 1, H, W) in [-1, 1] like those given."""
        return self.model(images)


def tensor_batches(images: Tensor, rng: torch.Generator) -> Iterator[Tensor]:
    """Yield the whole batches of one epoch from a tensor, in random order."""
    order = torch.randperm(len(images), generator=rng, device=images.device)
    steps = len(images) // BATCH_SIZE
    for chosen in order[: steps * BATCH_SIZE].split(BATCH_SIZE):
        yield images[chosen]


def loader_batches(data_dir: Path) -> Iterator[Tensor]:
    """Yield batches as the original's loader does: MNIST through PIL, one image at a time."""
    from torchvision import transforms
    from torchvision.datasets import MNIST

    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Lambda(lambda x: (x - 0.5) * 2)]
    )
    dataset = MNIST(str(data_dir), train=True, transform=transform)
    for images, _ in torch.utils.data.DataLoader(dataset, BATCH_SIZE, shuffle=True, drop_last=True):
        yield images


RECIPES: dict[str, Callable[[int, torch.device], Any]] = {
    "original": OriginalDDPM,
    "ours": OurDDPM,
    "diffusers": DiffusersDDPM,
    "denoising-diffusion-pytorch": LucidrainsDDPM,
}


def count_parameters(model: nn.Module) -> int:
    """Return the number of parameters of a model."""
    return sum(parameter.numel() for parameter in model.parameters())
