"""The whole run: DIP → prior set → DDPM → quality, with a record per evaluation."""

import dataclasses
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dipddpm.config import RunConfig, read_config
from dipddpm.data import Dataset, load_dataset
from dipddpm.dip import Restoration, run_dip
from dipddpm.errors import ConfigError, DataError
from dipddpm.features import load_features
from dipddpm.optimizer import under
from dipddpm.progress import Progress, silent
from dipddpm.quality import Reference, Scores
from dipddpm.randomness import generator
from dipddpm.restorer import Fit
from dipddpm.timing import now
from dipddpm.training import Trainer, make_denoiser

NUM_PICTURES = 40  # images kept for looking at, per stage
NOISE_SHARE = 0.1  # of the noise's FID above the floor: what counts as recognisable

STATE_FILE = "run.safetensors"


@dataclass(frozen=True)
class Record(Scores):
    """One evaluation of a run. Seconds are totals so far, unless it says otherwise."""

    epoch: int
    """DDPM epochs done."""
    loss: float
    """Mean ε-loss of the last epoch."""
    fid_floor: float
    """FID of real held-out images against real held-out images, at this number of images."""
    fid_noise: float
    """FID of clipped Gaussian noise."""
    fid_threshold: float
    """The floor plus a tenth of the noise's FID; ``time_to_quality_s`` is the time to get there."""
    scored_images: int
    features: str
    """Name, hash, dimension and accuracy of the features that all scores rest on."""
    dataset_hash: str
    dip_saw: str
    """Which images DIP was fitted to."""
    dip_loss: float
    """Mean squared error on [-1, 1] at the end of DIP's fit; NaN without DIP."""
    dip_psnr: float
    """PSNR in dB of images that DIP restored, held-out ones if it can; NaN without DIP."""
    dip_psnr_noisy: float
    """PSNR in dB of the same images before restoration."""
    dip_ssim: float
    time_per_iteration_s: float
    """Median seconds of a DDPM step × steps per epoch; no evaluation, no checkpoint."""
    dip_time_s: float
    """Fitting DIP and applying it to the training set."""
    train_time_s: float
    """All DDPM steps."""
    sample_time_s: float
    """Drawing ``scored_images`` images, this time."""
    score_time_s: float
    """Scoring them, this time."""
    time_total_s: float
    """dip_time_s + train_time_s: what it costs to have the model; evaluations are not in it."""
    time_to_quality_s: float
    """time_total_s when the FID first was at most ``fid_threshold``; NaN until then."""


def dataset_of(config: RunConfig) -> Dataset:
    """The data set that a configuration names."""
    return load_dataset(
        config.dataset, config.data_dir, config.train_size, config.image_size, config.resize
    )


def check_sizes(config: RunConfig, dataset: Dataset) -> None:
    """Raise ConfigError where the settings ask for more images than there are."""
    size = len(dataset.train)
    if config.prior == "dip":
        size = min(size, config.prior_size)
    for name in ["batch_size", "dip_batch_size"] if config.prior == "restorer" else ["batch_size"]:
        if getattr(config, name) > size:
            most = f"at most {size}, the number of images to learn from"
            raise ConfigError(name, getattr(config, name), most)


class Run:
    """One DIP→DDPM run, which can be stopped after any record and continued exactly.

    Args:
        config: all settings.
        device: where to compute; the GPU if there is one, by default.
        progress: called as the run goes on.

    Raises:
        ConfigError, DataError: before any work.
    """

    def __init__(
        self, config: RunConfig, device: str | None = None, progress: Progress = silent
    ) -> None:
        self.config = config
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.progress = progress
        self.dataset = dataset_of(config)
        check_sizes(config, self.dataset)
        held_out = min(len(self.dataset.validation), len(self.dataset.test))
        self.scored_images = min(config.scored_images, held_out)
        self.reference = _reference(self.dataset, self.scored_images, config.score_split)
        self.restoration: Restoration | None = None
        self.trainer: Trainer | None = None
        self.samples: Tensor | None = None
        self.time_to_quality_s = float("nan")
        self.fit: Fit | None = None
        """Of a restorer, while it is under way."""
        self._cut_off: dict[str, Tensor] = {}

    def records(self) -> Iterator[Record]:
        """Go on from where the run stands to its last epoch; yields at each evaluation.

        Raises:
            NonFiniteLossError: in DIP or DDPM.
        """
        if self.trainer is None:
            self._begin()
        assert self.trainer is not None
        while self.trainer.epoch < self.config.epochs:
            loss = self.trainer.train_epoch()
            epoch = self.trainer.epoch
            self.progress("ddpm", epoch, self.config.epochs)
            if epoch % self.config.eval_every == 0 or epoch == self.config.epochs:
                yield self._evaluate(loss)

    def _begin(self, fit: dict[str, Tensor] | None = None) -> None:
        """DIP, or what follows from its earlier fit, and a trainer for what it leaves."""
        self.restoration = run_dip(
            self.config, self.dataset, self.device, self.progress, fit, self._fitting
        )
        self.fit = None
        self.trainer = Trainer(self.config, self.restoration.prior, self.restoration.start)

    def _fitting(self, fit: Fit) -> None:
        if self._cut_off:
            fit.load_state_dict(self._cut_off)
        self.fit = fit

    def _evaluate(self, loss: float) -> Record:
        assert self.trainer is not None
        assert self.restoration is not None
        config, trainer, dip_stage = self.config, self.trainer, self.restoration
        start = now(self.device)
        rng = generator(config.seed, "evaluation", device=self.device)
        self.samples = trainer.sample(self.scored_images, rng)
        sampled = now(self.device)
        sources = trainer.sources(self.scored_images)
        scores = self.reference.score(
            self.samples.cpu(), None if sources is None else sources.cpu()
        )
        scored = now(self.device)

        train_time_s = sum(trainer.step_seconds)
        time_total_s = dip_stage.seconds + train_time_s
        threshold = self.reference.fid_floor + NOISE_SHARE * self.reference.fid_noise
        if scores.fid <= threshold and self.time_to_quality_s != self.time_to_quality_s:  # NaN
            self.time_to_quality_s = time_total_s
        features = self.reference.features
        return Record(
            **dataclasses.asdict(scores),
            epoch=trainer.epoch,
            loss=loss,
            fid_floor=self.reference.fid_floor,
            fid_noise=self.reference.fid_noise,
            fid_threshold=threshold,
            scored_images=self.scored_images,
            features=features.description,
            dataset_hash=self.dataset.hash,
            dip_saw=dip_stage.saw,
            dip_loss=dip_stage.loss,
            dip_psnr=dip_stage.psnr,
            dip_psnr_noisy=dip_stage.psnr_noisy,
            dip_ssim=dip_stage.ssim,
            time_per_iteration_s=trainer.time_per_iteration_s,
            dip_time_s=dip_stage.seconds,
            train_time_s=train_time_s,
            sample_time_s=sampled - start,
            score_time_s=scored - sampled,
            time_total_s=time_total_s,
            time_to_quality_s=self.time_to_quality_s,
        )

    def pictures(self) -> dict[str, Tensor]:
        """What there is to see after an evaluation: stage → up to 40 images in [-1, 1].

        ``noisy`` and ``restored`` show the same images before and after DIP; ``prior`` is what the
        DDPM learns from; ``start`` what its samples are started from; ``samples`` what it draws.
        What a run does not have is missing.
        """
        if self.restoration is None or self.samples is None:
            raise RuntimeError("there are no pictures before the first evaluation")
        sources = self.trainer.sources(NUM_PICTURES) if self.trainer else None
        stages = {
            "noisy": self.restoration.noisy,
            "restored": self.restoration.restored,
            "prior": self.restoration.prior,
            "start": self.samples[:0] if sources is None else sources,
            "samples": self.samples,
        }
        return {n: images[:NUM_PICTURES].cpu() for n, images in stages.items() if len(images)}

    def weights(self) -> dict[str, Tensor]:
        """The weights of the denoiser that samples are drawn with."""
        if self.trainer is None:
            raise RuntimeError("there are no weights before the first evaluation")
        return self.trainer.ema.module.state_dict()

    def save_weights(self, file: Path) -> None:
        """Write :meth:`weights` with all that :func:`load_weights` needs to draw with them."""
        about = {"config": dataclasses.asdict(self.config), "shape": self.dataset.shape}
        save_file(self.weights(), file, {"dipddpm": json.dumps(about)})

    def save(self, folder: Path) -> None:
        """Write the state to ``folder``: tensors and JSON, no pickle.

        After a record, or as the progress is told of a step of a restorer or of an epoch.
        """
        if self.fit is not None:
            tensors = {f"fit.{name}": value for name, value in self.fit.state_dict().items()}
        elif self.trainer is None or self.restoration is None:
            raise RuntimeError("there is nothing to save before DIP or the first evaluation")
        else:
            tensors = self.trainer.state_dict()
            tensors |= {f"dip.{name}": value for name, value in self.restoration.fit.items()}
        state = {
            "config": dataclasses.asdict(self.config),
            "time_to_quality_s": self.time_to_quality_s,
        }
        contiguous = {key: value.contiguous() for key, value in tensors.items()}
        save_file(contiguous, folder / STATE_FILE, {"run": json.dumps(state)})

    @classmethod
    def load(
        cls,
        folder: Path,
        device: str | None = None,
        progress: Progress = silent,
        **places: str | None,
    ) -> "Run":
        """The run that :meth:`save` wrote to ``folder``; ``records()`` goes on from there.

        ``places``: ``dataset`` and ``data_dir``, where its images are now.
        """
        with safe_open(folder / STATE_FILE, framework="pt") as file:
            state = json.loads(file.metadata()["run"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dict
        run = cls(read_config({**state["config"], **places}), device, progress)
        run.time_to_quality_s = state["time_to_quality_s"]
        run._cut_off = under("fit.", tensors)
        if run._cut_off:
            return run  # DIP goes on with the first record that is asked for
        run._begin(under("dip.", tensors))
        assert run.trainer is not None
        run.trainer.load_state_dict(tensors)
        return run


def load_weights(file: Path, device: torch.device) -> tuple[nn.Module, RunConfig, torch.Size]:
    """The denoiser that :meth:`Run.save_weights` wrote, its settings and the images' (C, H, W).

    Raises:
        DataError: it is no such file.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            about = json.loads((opened.metadata() or {})["dipddpm"])
            weights = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - no dict
    except (OSError, SafetensorError, KeyError) as error:
        raise DataError(f"{file} holds no weights of a run: {error}") from error
    config, shape = read_config(about["config"]), torch.Size(about["shape"])
    denoiser = make_denoiser(config, shape[-1], shape[0]).to(device)
    denoiser.load_state_dict(weights)
    return denoiser.eval().requires_grad_(False), config, shape


@functools.lru_cache(maxsize=2)  # the same for all trials of a worker
def _reference(dataset: Dataset, scored_images: int, split: str) -> Reference:
    return Reference(dataset, load_features(dataset), scored_images, split)
