"""The numerics against diffusers' schedulers and against closed forms."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from dipddpm import diffusion
from dipddpm.errors import ConfigError
from dipddpm.randomness import generator

NAMES = {"linear": "linear", "cosine": "squaredcos_cap_v2"}


def reference(kind, name: str, num_timesteps: int, **settings):
    """A diffusers scheduler on our betas, its tables carried to float64."""
    schedule = diffusion.make_schedule(name, num_timesteps)
    scheduler = kind(
        num_train_timesteps=num_timesteps,
        trained_betas=schedule.betas.tolist(),
        **settings,
    )
    scheduler.betas = schedule.betas
    scheduler.alphas = 1 - schedule.betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, 0)
    scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    if kind is DDIMScheduler:
        scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    return schedule, scheduler


def denoiser(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Any smooth function of x and t will do to compare samplers."""
    return torch.tanh(0.7 * x + 0.001 * t.view(-1, 1, 1, 1))


@pytest.mark.parametrize("name", NAMES)
def test_betas_are_those_of_diffusers(name):
    theirs = DDPMScheduler(
        num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule=NAMES[name]
    )
    ours = diffusion.make_schedule(name, 1000).betas
    torch.testing.assert_close(ours, theirs.betas.double(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("num_timesteps", [50, 1000, 4000])
def test_every_schedule_ends_in_noise(num_timesteps):
    for name in NAMES:
        schedule = diffusion.make_schedule(name, num_timesteps)
        assert schedule.betas.dtype == torch.float64
        assert (schedule.betas > 0).all()
        assert schedule.alphas_cumprod[-1] < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_forward_process(name):
    schedule, theirs = reference(DDPMScheduler, name, 1000, clip_sample=False)
    x0 = torch.randn(5, 1, 8, 8, dtype=torch.float64, generator=generator(0))
    noise = torch.randn(x0.shape, dtype=torch.float64, generator=generator(1))
    t = torch.tensor([0, 1, 10, 500, 999])
    expected = theirs.add_noise(x0, noise, t)
    torch.testing.assert_close(
        diffusion.q_sample(schedule, x0, t, noise), expected, rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weight", [0.2, 0.7])
def test_noise_mixed_with_the_image_is_another_schedule(name, weight):
    """x_t = √ᾱ x_0 + √(1-ᾱ) (w x_0 + √(1-w²) ε), brought to a scale of 1."""
    plain = diffusion.make_schedule(name, 1000)
    mixed = diffusion.make_schedule(name, 1000, start_weight=weight)
    x0 = torch.randn(5, 1, 8, 8, dtype=torch.float64, generator=generator(0))
    noise = torch.randn(x0.shape, dtype=torch.float64, generator=generator(1))
    t = torch.tensor([0, 1, 10, 500, 999])
    x_t = diffusion.q_sample(plain, x0, t, weight * x0 + (1 - weight**2) ** 0.5 * noise)
    root, rest = (table[t].double() for table in (plain.signal, plain.noise))
    scale = ((root + weight * rest).square() + (1 - weight**2) * rest.square()).sqrt()
    got = diffusion.q_sample(mixed, x0, t, noise)
    torch.testing.assert_close(got, x_t / scale.view(-1, 1, 1, 1), rtol=1e-5, atol=1e-6)
    assert mixed.alphas_cumprod[-1].item() == pytest.approx(weight**2, abs=0.01)
    torch.testing.assert_close(torch.cumprod(1 - mixed.betas, 0), mixed.alphas_cumprod)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_timesteps", [20, 250])
@pytest.mark.parametrize(
    ("variance", "theirs"), [("posterior", "fixed_small"), ("beta", "fixed_large")]
)
def test_ancestral_sampling_step_by_step(name, num_timesteps, variance, theirs):
    """The same noise goes into both, drawn in the same order."""
    schedule, scheduler = reference(
        DDPMScheduler, name, num_timesteps, variance_type=theirs, clip_sample=False
    )
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=generator(0))
    ours = diffusion.sample(
        denoiser,
        schedule,
        x,
        schedule.timesteps(num_timesteps),
        eta=1.0,
        variance=variance,
        clip=None,
        generator=generator(7),
    )
    rng = generator(7)
    for t in scheduler.timesteps:
        eps = denoiser(x, torch.full((3,), int(t)))
        x = scheduler.step(eps, t, x, generator=rng).prev_sample
    torch.testing.assert_close(ours, x, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [5, 50])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_step_by_step(name, steps, eta):
    schedule, scheduler = reference(
        DDIMScheduler, name, 1000, timestep_spacing="trailing", clip_sample=False
    )
    scheduler.set_timesteps(steps)
    assert scheduler.timesteps.tolist() == schedule.timesteps(steps).tolist()
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=generator(0))
    ours = diffusion.sample(
        denoiser,
        schedule,
        x,
        schedule.timesteps(steps),
        eta=eta,
        clip=None,
        generator=generator(7),
    )
    rng = generator(7)
    for t in scheduler.timesteps:
        eps = denoiser(x, torch.full((3,), int(t)))
        # at the last step diffusers draws noise of scale zero: σ is 0 where ᾱ_prev is 1
        x = scheduler.step(eps, t, x, eta=eta, generator=rng).prev_sample
    torch.testing.assert_close(ours, x, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [2, 10, 30])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in diffusers
@pytest.mark.parametrize(("eta", "algorithm"), [(0.0, "dpmsolver++"), (1.0, "sde-dpmsolver++")])
def test_multistep_solver_step_by_step(name, steps, eta, algorithm):
    """DPM-Solver++(2M) and its stochastic form, on equal steps in log-SNR."""
    schedule, scheduler = reference(
        DPMSolverMultistepScheduler,
        name,
        1000,
        algorithm_type=algorithm,
        solver_order=2,
        final_sigmas_type="zero",
        euler_at_final=True,
    )
    timesteps = schedule.timesteps(steps, spacing="log-snr")
    scheduler.set_timesteps(timesteps=timesteps.tolist())
    bars = schedule.alphas_cumprod[timesteps]  # diffusers keeps them in float32
    scheduler.sigmas = torch.cat([((1 - bars) / bars).sqrt(), torch.zeros(1, dtype=torch.float64)])
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=generator(0))
    ours = diffusion.sample(
        denoiser,
        schedule,
        x,
        timesteps,
        eta=eta,
        order=2,
        clip=None,
        generator=generator(7),
    )
    rng = generator(7)
    for t in scheduler.timesteps:
        noise = torch.randn(x.shape, dtype=x.dtype, generator=rng)
        eps = denoiser(x, torch.full((3,), int(t)))
        x = scheduler.step(eps, t, x, variance_noise=noise if eta else None).prev_sample
    torch.testing.assert_close(ours, x.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("num_timesteps", "start"), [(1000, 1000), (1000, 250), (20, 20)])
def test_steps_are_even_in_log_snr(name, num_timesteps, start):
    """Up to whole indices; none comes twice, and what is noise alone is left out."""
    schedule = diffusion.make_schedule(name, num_timesteps)
    for steps in (1, 2, 10, start // 2):
        timesteps = schedule.timesteps(steps, start, spacing="log-snr")
        assert len(timesteps) == steps
        assert (timesteps.diff() < 0).all()
        assert 0 <= timesteps[-1] <= timesteps[0] <= start - 1
    few = schedule.half_log_snr[schedule.timesteps(6, start, spacing="log-snr")]
    assert few[0] >= -6 or few[0] == schedule.half_log_snr[start - 1]
    if num_timesteps == 1000:
        torch.testing.assert_close(few.diff(), few.diff().mean().expand(5), rtol=0.15, atol=0)


MEAN, STD = 0.3, 0.2


def exact_denoiser(schedule: diffusion.Schedule) -> diffusion.Denoiser:
    """The best ε-prediction for data N(MEAN, STD²): E[ε | x_t], affine in x_t."""

    def predict(x, t):
        alpha_bar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
        variance = alpha_bar * STD**2 + 1 - alpha_bar
        return (1 - alpha_bar).sqrt() * (x - alpha_bar.sqrt() * MEAN) / variance

    return predict


@pytest.mark.parametrize("start", [1000, 300])
@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_ancestral_sampling_recovers_a_gaussian(start, variance):
    """From pure noise, and from data noised to t₀ = 300: the mean and deviation of the data."""
    n = 20_000
    schedule = diffusion.make_schedule("cosine", 1000)
    x0 = MEAN + STD * torch.randn(n, 1, 1, 1, dtype=torch.float64, generator=generator(2))
    noise = torch.randn(x0.shape, dtype=torch.float64, generator=generator(0))
    x = diffusion.q_sample(schedule, x0, torch.full((n,), start - 1), noise)
    y = diffusion.sample(
        exact_denoiser(schedule),
        schedule,
        x,
        schedule.timesteps(start, start=start),
        eta=1.0,
        variance=variance,
        clip=None,
        generator=generator(1),
    )
    assert y.mean().item() == pytest.approx(MEAN, abs=4 * STD / n**0.5)
    assert y.std().item() == pytest.approx(STD, abs=4 * STD / (2 * n) ** 0.5)


def test_ancestral_sampling_recovers_a_covariance():
    """Two correlated channels: E[ε | x] = √(1 - ᾱ) C⁻¹ (x - √ᾱ μ), C = ᾱ Σ + (1 - ᾱ) I."""
    n = 20_000
    mean = torch.tensor([0.3, -0.2], dtype=torch.float64)
    sigma = torch.tensor([[0.09, 0.05], [0.05, 0.04]], dtype=torch.float64)
    schedule = diffusion.make_schedule("cosine", 1000)

    def predict(x, t):
        a = schedule.alphas_cumprod[t[0]]
        inverse = torch.linalg.inv(a * sigma + (1 - a) * torch.eye(2, dtype=torch.float64))
        centred = x.flatten(1) - a.sqrt() * mean
        return ((1 - a).sqrt() * centred @ inverse).view_as(x)

    x = torch.randn(n, 2, 1, 1, dtype=torch.float64, generator=generator(0))
    steps = schedule.timesteps(1000)
    y = diffusion.sample(
        predict, schedule, x, steps, eta=1.0, clip=None, generator=generator(1)
    ).flatten(1)
    error = 4 / n**0.5  # four standard errors, of entries that are at most 0.09 · √2
    torch.testing.assert_close(y.mean(dim=0), mean, rtol=0, atol=error * 0.3)
    torch.testing.assert_close(y.T.cov(), sigma, rtol=0, atol=error * 0.09 * 2**0.5)


def ddim_deviation(steps: int, start: int = 1000) -> float:
    """How far DDIM's deviation of the data is from STD; checked against its exact recursion."""
    schedule = diffusion.make_schedule("cosine", 1000)
    predict = exact_denoiser(schedule)
    x = torch.tensor([[-1.0], [0.4], [2.0]], dtype=torch.float64).view(3, 1, 1, 1)
    timesteps = schedule.timesteps(steps, start=start)
    y = diffusion.sample(
        predict, schedule, x, timesteps, eta=0.0, clip=None, generator=generator(0)
    ).flatten()

    # the affine map x -> gain · x + offset, composed by hand over the steps
    gain, offset = 1.0, 0.0
    bars = [*schedule.alphas_cumprod[timesteps].tolist(), 1.0]
    for a, b in zip(bars, bars[1:]):  # noqa: B905, RUF007 - pairs of neighbours
        slope = (1 - a) ** 0.5 / (a * STD**2 + 1 - a)  # ε = slope · (x - √a MEAN)
        step = (b / a) ** 0.5 + ((1 - b) ** 0.5 - (b * (1 - a) / a) ** 0.5) * slope
        shift = (b / a * (1 - a)) ** 0.5 - (1 - b) ** 0.5
        gain, offset = step * gain, step * offset + shift * slope * a**0.5 * MEAN
    torch.testing.assert_close(y, gain * x.flatten() + offset, rtol=1e-9, atol=1e-9)

    first = schedule.alphas_cumprod[timesteps[0]].item()
    return abs(gain * (first * STD**2 + 1 - first) ** 0.5 - STD)


@pytest.mark.parametrize("start", [1000, 300])
def test_ddim_follows_its_exact_recursion_and_its_bias_vanishes(start):
    bias = [ddim_deviation(steps, start) for steps in (5, 20, 80, 300)]
    assert bias == sorted(bias, reverse=True)
    assert bias[-1] < 0.02 * STD


def test_the_second_order_needs_fewer_steps():
    """The deviation of N(MEAN, STD²) after 10 steps of first and of second order."""
    schedule = diffusion.make_schedule("cosine", 1000)
    x = torch.randn(2000, 1, 1, 1, dtype=torch.float64, generator=generator(0))
    timesteps = schedule.timesteps(10, spacing="log-snr")
    errors = [
        diffusion.sample(
            exact_denoiser(schedule),
            schedule,
            x,
            timesteps,
            eta=0.0,
            order=order,
            clip=None,
            generator=generator(1),
        ).std()
        - STD * x.std()
        for order in (1, 2)
    ]
    assert abs(errors[1]) < 0.3 * abs(errors[0])


def test_clipping_keeps_images_in_range():
    schedule = diffusion.make_schedule("linear", 50)
    x = 5 * torch.randn(4, 1, 8, 8, generator=generator(0))
    images = diffusion.sample(
        denoiser, schedule, x, schedule.timesteps(10), eta=1.0, generator=generator(1)
    )
    assert images.abs().max() <= 1


def test_a_perfect_prediction_costs_nothing():
    schedule = diffusion.make_schedule("cosine", 100)
    x0 = torch.rand(16, 1, 8, 8, generator=generator(0)) * 2 - 1

    def oracle(x, t):
        alpha_bar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1).float()
        return (x - alpha_bar.sqrt() * x0) / (1 - alpha_bar).sqrt()

    assert diffusion.loss(oracle, schedule, x0, generator(1)).item() < 1e-6
    assert 0.8 < diffusion.loss(lambda x, t: 0 * x, schedule, x0, generator(1)).item() < 1.2


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_v_prediction_is_epsilon_prediction_in_other_words(eta):
    """v = √ᾱ ε - √(1 - ᾱ) x_0, with x_0 from ε: samples and the best loss are the same."""
    schedule = diffusion.make_schedule("cosine", 100)

    def velocity(x, t):
        alpha_bar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
        eps = denoiser(x, t)
        x0 = (x - (1 - alpha_bar).sqrt() * eps) / alpha_bar.sqrt()
        return alpha_bar.sqrt() * eps - (1 - alpha_bar).sqrt() * x0

    x = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=generator(0))
    samples = [
        diffusion.sample(
            predict,
            schedule,
            x,
            schedule.timesteps(20),
            eta=eta,
            prediction=prediction,
            generator=generator(7),
        )
        for predict, prediction in ((denoiser, "epsilon"), (velocity, "v"))
    ]
    torch.testing.assert_close(*samples, rtol=1e-9, atol=1e-9)

    x0 = torch.rand(16, 1, 8, 8, generator=generator(0)) * 2 - 1

    def oracle(x, t):
        alpha_bar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1).float()
        eps = (x - alpha_bar.sqrt() * x0) / (1 - alpha_bar).sqrt()
        return alpha_bar.sqrt() * eps - (1 - alpha_bar).sqrt() * x0

    assert diffusion.loss(oracle, schedule, x0, generator(1), prediction="v").item() < 1e-6


@pytest.mark.parametrize("gamma", [0.5, 5.0, 1e9])
def test_min_snr_weighs_the_error_of_the_image(gamma):
    """At each t the squared error of x_0 counts min(SNR, γ) times, however it is predicted."""
    schedule = diffusion.make_schedule("cosine", 100)
    x0 = torch.rand(64, 1, 4, 4, generator=generator(0)) * 2 - 1
    errors = []

    def predict_epsilon(x, t):
        alpha_bar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1).float()
        image = 0.3 * torch.tanh(x)
        snr = (alpha_bar / (1 - alpha_bar)).clamp(max=gamma)
        errors.append((snr * (image - x0).square()).mean().item())
        return (x - alpha_bar.sqrt() * image) / (1 - alpha_bar).sqrt()

    def predict_v(x, t):
        alpha_bar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1).float()
        eps = predict_epsilon(x, t)
        return (eps - (1 - alpha_bar).sqrt() * x) / alpha_bar.sqrt()

    for prediction, predict in (("epsilon", predict_epsilon), ("v", predict_v)):
        found = diffusion.loss(predict, schedule, x0, generator(1), prediction, min_snr=gamma)
        assert found.item() == pytest.approx(errors[-1], rel=1e-3)


def test_timesteps_from_a_later_start():
    schedule = diffusion.make_schedule("linear", 1000)
    assert schedule.timesteps(4).tolist() == [999, 749, 499, 249]
    assert schedule.timesteps(2, start=100).tolist() == [99, 49]
    with pytest.raises(ConfigError, match="steps is 101; expected 1 to 100"):
        schedule.timesteps(101, start=100)
    with pytest.raises(ConfigError, match="start is 1001; expected 1 to 1000"):
        schedule.timesteps(1, start=1001)
