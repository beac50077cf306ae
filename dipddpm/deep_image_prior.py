"""The original Deep Image Prior (Ulyanov, Vedaldi, Lempitsky, CVPR 2018), many images at once.

A network per image, fitted from a fixed random code to that one image and nothing else; the
architecture alone makes it draw the image before it draws the noise. When to stop is decided
without a clean image.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from dipddpm.errors import ConfigError, require_finite
from dipddpm.progress import Progress, silent
from dipddpm.randomness import generator, seeded_global

CODE_CHANNELS = 16  # of the fixed random code; 32 in the paper, for photographs
CODE_SCALE = 0.1  # z ~ U(0, 1/10) (ibid., supplement)
CODE_NOISE = 1 / 30  # deviation added to z at each step, relative to z's own scale (ibid.)
AVERAGING = 0.9  # of the outputs, exponentially; 0.99 in the paper, whose fits are ten times longer
VARIANCE_DECAY = 0.1  # α of the exponential moving variance (Wang et al., TMLR 2023, Alg. 2)
CHECK_EVERY = 25  # steps between looks at the losses, for which the device is waited for
BURN_IN = 20  # steps before the moving variance means anything


class Hourglass(nn.Module):
    """Encoder and decoder (ibid., Fig. 21), two halvings, for images of a few dozen pixels.

    Without the paper's skip connections: over so few pixels they let the noise in as fast as the
    image. GroupNorm over single channels is the paper's batch norm for a batch of one image.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()

        def layer(a: int, b: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(a, b, 3, stride=stride, padding=1, padding_mode="reflect"),
                nn.GroupNorm(b, b),
                nn.LeakyReLU(0.2),
            )

        def up() -> nn.Upsample:
            return nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False)

        self.body = nn.Sequential(
            *(layer(CODE_CHANNELS, width, stride=2), layer(width, width)),
            *(layer(width, width, stride=2), layer(width, width)),
            *(up(), layer(width, width), up(), layer(width, width)),
            *(nn.Conv2d(width, channels, 1), nn.Tanh()),
        )

    def forward(self, code: Tensor) -> Tensor:
        """(N, CODE_CHANNELS, H, W) → (N, C, H, W) in [-1, 1]."""
        return self.body(code)


def fit_images(
    images: Tensor,
    *,
    width: int,
    lr: float,
    steps: int,
    seed: int,
    progress: Progress = silent,
) -> tuple[Tensor, Tensor, float]:
    """Fit every image by a network of its own and stop each by itself.

    All networks are trained in one batched computation; Adam works element by element, so each is
    trained as if alone. At each step the code is disturbed (regularisation) and the outputs are
    averaged exponentially. The average is kept at the step where the moving variance of the outputs
    is smallest (Wang et al., "Early Stopping for Deep Image Prior", TMLR 2023, Alg. 2): it is small
    once the image is there, and grows again as the noise comes in. An image whose variance has not
    fallen for a fifth of ``steps`` is done, and the fit ends when all are.

    Args:
        images: (N, C, H, W) in [-1, 1], H and W multiples of 4; noisy or not.
        steps: at most.

    Returns:
        The restored images like ``images``, the step each was taken at, (N,) int64, and the mean
        loss of an image at the last step.

    Raises:
        ConfigError: a size that is not a multiple of 4.
        NonFiniteLossError: the learning rate was too high.
    """
    n, channels, height, width_px = images.shape
    if height % 4 or width_px % 4:
        raise ConfigError("image_size", f"{height}×{width_px}", "multiples of 4")
    device = images.device
    with seeded_global(seed, "deep image prior"):
        nets = [Hourglass(channels, width) for _ in range(n)]
    net = nets[0]
    parameters, _ = stack_module_state(nets)  # each (N, *shape)
    parameters = {k: v.detach().to(device).requires_grad_() for k, v in parameters.items()}
    rng = generator(seed, "deep image prior", device=device)
    shape = (n, CODE_CHANNELS, height, width_px)
    code = CODE_SCALE * torch.rand(shape, generator=rng, device=device)

    def draw(one: dict[str, Tensor], its_code: Tensor) -> Tensor:
        return functional_call(net, one, its_code[None])[0]

    draw_all = vmap(draw)
    optimizer = torch.optim.Adam(list(parameters.values()), lr, fused=True)
    patience = max(steps // 5, BURN_IN)
    losses = torch.empty(steps, device=device)
    average = mean = torch.zeros_like(images)
    variance = torch.zeros(n, device=device)
    least = torch.full((n,), torch.inf, device=device)
    best, best_step = torch.zeros_like(images), torch.zeros(n, dtype=torch.long, device=device)
    for step in range(steps):
        noise = torch.randn(shape, generator=rng, device=device)
        outputs = draw_all(parameters, code + CODE_SCALE * CODE_NOISE * noise)
        # the sum over images of each one's mean: no image's gradient depends on how many there are
        loss = (outputs - images).square().flatten(1).mean(dim=1).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses[step] = loss.detach()

        with torch.no_grad():
            average = outputs if step == 0 else average.lerp(outputs, 1 - AVERAGING)
            change = (outputs - mean).square().flatten(1).mean(dim=1)
            mean = mean.lerp(outputs, VARIANCE_DECAY)
            variance = (1 - VARIANCE_DECAY) * (variance + VARIANCE_DECAY * change)
            waited = step - best_step.clamp(min=BURN_IN)
            improved = (variance < least) & (step >= BURN_IN) & (waited <= patience)
            least = torch.where(improved, variance, least)
            best = torch.where(improved[:, None, None, None], average, best)
            best_step = torch.where(improved, step, best_step)
        progress("dip", step + 1, steps)
        if step % CHECK_EVERY == CHECK_EVERY - 1 or step == steps - 1:
            require_finite(losses[: step + 1], "DIP", f"dip_lr={lr:g}")
            if bool((waited > patience).all()):
                break
    if step < BURN_IN:
        best, best_step = average, torch.full_like(best_step, step)
    return best.detach(), best_step, float(losses[step]) / n
