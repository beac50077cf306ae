"""Denoising diffusion: schedules, the forward process, the loss, and one sampler.

Indices follow the code convention t = 0 … T-1, where t stands for the papers' step t + 1. Before
the first step stands the clean image, whose ᾱ is 1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dipddpm.errors import ConfigError

NOISE_ALONE = -5.1
"""The λ_t below which x_t is hardly more than noise: its signal is 0.6 % of it."""

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""A network that predicts ε or v from x_t, shape (N, C, H, W), and t, shape (N,), int64."""


@dataclass(frozen=True)
class Schedule:
    """The noise schedule of a DDPM (Ho et al. 2020, Eq. 2) as tables of shape (T,).

    Attributes:
        betas: β_t, float64, on the CPU: not all devices have float64.
        alphas_cumprod: ᾱ_t, float64, on the CPU.
        signal: √ᾱ_t, float32, on the device of the images.
        noise: √(1 - ᾱ_t), float32, on the device of the images.
    """

    betas: Tensor
    alphas_cumprod: Tensor
    signal: Tensor
    noise: Tensor

    @property
    def num_timesteps(self) -> int:
        """The number of timesteps T."""
        return len(self.betas)

    @property
    def half_log_snr(self) -> Tensor:
        """λ_t = ½ log(ᾱ_t / (1 - ᾱ_t)), half the logarithm of the signal-to-noise ratio."""
        return (self.alphas_cumprod.log() - torch.log1p(-self.alphas_cumprod)) / 2

    def timesteps(self, steps: int, start: int | None = None, spacing: str = "time") -> Tensor:
        """Return ``steps`` descending indices, from ``start - 1`` down: (steps,).

        Args:
            steps: 1 to ``start``.
            start: where the reverse process begins, 1 to T; T without it. Below T it is the t₀ of
                SDEdit (Meng et al. 2022).
            spacing: ``time``: equal steps in t, the "trailing" of Lin et al. (2024), Table 2;
                ``log-snr``: equal steps in λ_t (Lu et al. 2022), as near as whole indices are, from
                there to index 0. What lies below λ = -5.1 is left out: it is noise all the same,
                and cosine schedules have half of their λ there.

        Raises:
            ConfigError: one of them is out of bounds.
        """
        start = self.num_timesteps if start is None else start
        if not 1 <= start <= self.num_timesteps:
            raise ConfigError("start", start, f"1 to {self.num_timesteps}")
        if not 1 <= steps <= start:
            raise ConfigError("steps", steps, f"1 to {start}, the index it starts from")
        if spacing == "time":
            return torch.linspace(start, 0, steps + 1, dtype=torch.float64)[:-1].round().long() - 1
        if spacing != "log-snr":
            raise ConfigError("spacing", spacing, "time or log-snr")
        log_snr = self.half_log_snr[:start]
        first = max(log_snr[-1].item(), NOISE_ALONE)
        wanted = torch.linspace(first, log_snr[0].item(), steps, dtype=torch.float64)
        nearest = (log_snr - wanted[:, None]).abs().argmin(dim=1).tolist()
        indices: list[int] = []
        for left, index in zip(reversed(range(steps)), nearest, strict=True):
            below = indices[-1] - 1 if indices else start - 1  # no index comes twice …
            indices.append(max(min(index, below), left))  # … and one is left for each that follows
        return torch.tensor(indices)


def make_schedule(
    name: str,
    num_timesteps: int,
    device: torch.device | str = "cpu",
    start_weight: float = 0.0,
) -> Schedule:
    """Return the schedule ``linear`` (Ho et al. 2020, Sec. 4) or ``cosine``.

    The cosine schedule is that of Nichol & Dhariwal (2021), Eq. 17. The linear betas 1e-4 … 0.02
    belong to T = 1000; for another T they are scaled by 1000 / T, so that the last step is as
    noisy. Betas are capped at 0.999 (ibid., Sec. 3.2).

    With ``start_weight`` w, 0 ≤ w < 1, the noise of the forward process is w x_0 + √(1 - w²) ε, a
    mix with the image itself, which then is in x_T too. x_t = (√ᾱ_t + w √(1 - ᾱ_t)) x_0 +
    √(1 - w²) √(1 - ᾱ_t) ε has √SNR_t' = (√SNR_t + w) / √(1 - w²). Brought to the scale at which the
    squares of its two factors add up to 1, it is the forward process of another schedule,
    ᾱ_t' = SNR_t' / (1 + SNR_t'), whose ᾱ_T' is about w². That is the schedule that is returned.

    Raises:
        ConfigError: the name is another one.
    """
    steps = torch.arange(num_timesteps + 1, dtype=torch.float64)
    if name == "linear":
        betas = torch.linspace(1e-4, 0.02, num_timesteps, dtype=torch.float64)
        betas = betas * (1000 / num_timesteps)
    elif name == "cosine":
        s = 0.008  # keeps the first betas from vanishing (ibid.)
        f = torch.cos((steps / num_timesteps + s) / (1 + s) * math.pi / 2) ** 2
        betas = 1 - f[1:] / f[:-1]
    else:
        raise ConfigError("schedule", name, "linear or cosine")
    betas = betas.clamp(max=0.999)
    alphas_cumprod = torch.cumprod(1 - betas, dim=0)
    if start_weight:
        root_snr = (alphas_cumprod / (1 - alphas_cumprod)).sqrt()
        snr = (root_snr + start_weight).square() / (1 - start_weight**2)
        alphas_cumprod = snr / (1 + snr)
        before = torch.cat([alphas_cumprod.new_ones(1), alphas_cumprod[:-1]])
        betas = 1 - alphas_cumprod / before
    signal, noise = (x.sqrt().float().to(device) for x in (alphas_cumprod, 1 - alphas_cumprod))
    return Schedule(betas, alphas_cumprod, signal, noise)


def q_sample(schedule: Schedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Return x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε (Ho et al. 2020, Eq. 4).

    Args:
        x0: clean images, (N, C, H, W).
        t: timesteps 0 … T-1, (N,), int64.
        noise: ε, like ``x0``.
    """
    signal, share = (table[t].view(-1, 1, 1, 1) for table in (schedule.signal, schedule.noise))
    return signal * x0 + share * noise


def loss(
    denoiser: Denoiser,
    schedule: Schedule,
    x0: Tensor,
    generator: torch.Generator,
    prediction: str = "epsilon",
    min_snr: float = 0.0,
) -> Tensor:
    """Return the simplified loss at uniformly drawn t (Ho et al. 2020, Eq. 14), a scalar.

    ``prediction="v"`` asks for v = √ᾱ_t ε - √(1 - ᾱ_t) x_0 instead (Salimans & Ho 2022, App. D).

    With ``min_snr``, a γ above 0, the squared error of the image that the prediction implies has
    the weight min(SNR_t, γ), where SNR_t = ᾱ_t / (1 - ᾱ_t) (Hang et al. 2023, "Efficient Diffusion
    Training via Min-SNR Weighting Strategy", Eq. 8). Without it, that of ε or v counts as it is.
    """
    t = torch.randint(
        schedule.num_timesteps, (len(x0),), generator=generator, device=generator.device
    )
    noise = torch.randn(x0.shape, generator=generator, device=generator.device)
    target = noise
    if prediction == "v":  # v is the forward process with (x_0, ε) in the places of (ε, -x_0)
        target = q_sample(schedule, noise, t, -x0)
    output = denoiser(q_sample(schedule, x0, t, noise), t)
    if min_snr == 0:
        return torch.nn.functional.mse_loss(output, target)
    snr = (schedule.signal[t] / schedule.noise[t]).square()
    # the squared error of ε is SNR times that of x_0, that of v SNR + 1 times
    weights = snr.clamp(max=min_snr) / (snr + 1 if prediction == "v" else snr)
    errors = (output - target).square().flatten(1).mean(dim=1)
    return (weights.to(errors) * errors).mean()


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    schedule: Schedule,
    x: Tensor,
    timesteps: Tensor,
    *,
    eta: float,
    generator: torch.Generator,
    order: int = 1,
    variance: str = "posterior",
    prediction: str = "epsilon",
    clip: tuple[float, float] | None = (-1.0, 1.0),
    watch: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """Run the reverse process from ``x``, an x_t at t = ``timesteps[0]``, to an image.

    This is Equation 12 of Song et al. (DDIM, 2021), which has the usual samplers as values:
    ``eta=0`` is deterministic DDIM; ``eta=1`` over all timesteps is ancestral DDPM, with
    σ_t² = β̃_t for ``variance="posterior"`` and σ_t² = β_t for ``"beta"`` (ibid., Sec. D.3: the
    larger σ̂ goes into the noise alone, the mean is unchanged). With a noised image at t₀ < T for
    ``x`` it is the shortened reverse process of SDEdit (Meng et al. 2022).

    ``order=2`` puts x_0 + (x_0 - x_0') h / 2h' in the place of the predicted image x_0, where x_0'
    is the prediction one step before, and h and h' are this step and that one in λ_t. ``eta=0``
    then is DPM-Solver++(2M) (Lu et al. 2022, "DPM-Solver++", Algorithm 2), ``eta=1`` its stochastic
    form SDE-DPM-Solver++(2M) (ibid., Appendix).

    Args:
        x: images to start from, (N, C, H, W).
        timesteps: descending indices as from :meth:`Schedule.timesteps`, (S,), int64.
        eta: the share of the posterior's standard deviation that is drawn anew, 0 … 1.
        order: 1, or 2 to use two predictions in each step but the first and the last.
        prediction: what the denoiser was trained to predict, ``epsilon`` or ``v``.
        clip: the range that the predicted image is clipped to at every step (Ho et al. 2020's
            code); None leaves it as it is (their Algorithm 2).
        watch: is called with x after each step.

    Returns:
        Images like ``x``, within ``clip``.
    """
    alphas_cumprod, log_snr = schedule.alphas_cumprod.tolist(), schedule.half_log_snr.tolist()
    ts = timesteps.tolist()
    x0_before: Tensor | None = None
    h_before = 0.0
    for t, t_prev in zip(ts, [*ts[1:], -1], strict=True):
        alpha_bar = alphas_cumprod[t]
        alpha_bar_prev = alphas_cumprod[t_prev] if t_prev >= 0 else 1.0
        output = denoiser(x, torch.full((len(x),), t, device=x.device))
        if prediction == "v":
            x0 = math.sqrt(alpha_bar) * x - math.sqrt(1 - alpha_bar) * output
            eps = math.sqrt(alpha_bar) * output + math.sqrt(1 - alpha_bar) * x
        else:
            x0 = (x - math.sqrt(1 - alpha_bar) * output) / math.sqrt(alpha_bar)
            eps = output
        if clip:
            x0 = x0.clamp(*clip)
        if order == 2 and t_prev >= 0:  # the last step goes to λ = ∞, where no order helps
            predicted, h = x0, log_snr[t_prev] - log_snr[t]
            if x0_before is not None:
                x0 = x0 + (x0 - x0_before) * (h / (2 * h_before))
            x0_before, h_before = predicted, h
        if clip or order == 2:
            eps = (x - math.sqrt(alpha_bar) * x0) / math.sqrt(1 - alpha_bar)

        # σ̂² = 1 - ᾱ_t/ᾱ_prev is β_t when no step is left out; σ² shrinks it to the posterior's
        sigma_hat = math.sqrt(1 - alpha_bar / alpha_bar_prev)
        sigma = eta * math.sqrt((1 - alpha_bar_prev) / (1 - alpha_bar)) * sigma_hat
        x = math.sqrt(alpha_bar_prev) * x0
        x = x + math.sqrt(max(1 - alpha_bar_prev - sigma**2, 0.0)) * eps
        scale = eta * sigma_hat if variance == "beta" else sigma
        if t_prev >= 0 and scale > 0:  # no noise is added to the image itself
            x = x + scale * torch.randn(
                x.shape, generator=generator, device=x.device, dtype=x.dtype
            )
        if watch is not None:
            watch(x)
    return x
