"""``python study/reproduce.py``: the original's experiments, small, on a real Ray."""

import dataclasses
import json

import pandas as pd
import pytest
from PIL import Image
from support.toy_problem import TOY

from study.commands import dashboard, reproduce, search
from study.commands.reproduce import main
from study.replication import condition_plans, design, step_timing
from study.replication.claims import CLAIMS
from study.replication.condition_names import AS_REPORTED, COMBINED, CONTROLLED

TINY = ("--train-size", "160", "--max-epochs", "1", "--dip-steps", "2", "--seeds", "2")


@pytest.fixture(scope="module")
def done(tmp_path_factory, ray_local):
    """Few as-reported conditions, reverse steps and rounds: where it is and how it ended."""
    whole = condition_plans.plans_of

    def smaller(config):
        plans, reported = {}, 0
        for name, plan in whole(config).items():
            reported += plan.kind == AS_REPORTED
            if plan.kind == CONTROLLED or reported <= 3:
                run = dataclasses.replace(plan.config, sampler_steps=8, scored_images=40)
                plans[name] = dataclasses.replace(plan, config=run)
        return plans

    place = tmp_path_factory.mktemp("reproduced")
    with pytest.MonkeyPatch.context() as patch:
        for module in (design, reproduce, step_timing):
            patch.setattr(module, "plans_of", smaller)
        for name in ("ROUNDS", "LOADER_ROUNDS"):
            patch.setattr(step_timing, name, 2)
        status = main([*TINY, "--name", "tiny", "--results-dir", str(place)])
        yield place, status


def test_every_condition_is_run_and_judged(done):
    place, status = done
    folder = place / "tiny"
    assert status == 0
    trials = pd.read_csv(folder / "trials.csv")
    assert set(trials.status) == {"completed"}
    assert sorted(set(trials[trials.condition == COMBINED].seed)) == [1, 2]
    assert set(trials[trials.condition.str.startswith(AS_REPORTED)].seed) == {0}
    claims = pd.read_csv(folder / "claims.csv")
    letters = [claim.letter for claim in CLAIMS]
    assert list(dict.fromkeys(claims.claim)) == letters
    assert (claims.n >= 2).all()
    # after one epoch there may be no digits whose contrast to judge
    judged = claims[claims.note.isna()]
    assert judged.p_holm.between(0, 1).all()
    conditions = pd.read_csv(folder / "conditions.csv")
    assert conditions.condition[0] == f"{AS_REPORTED}: DIP alone, the fitted batch"
    assert conditions.fid.notna().all()
    assert pd.read_csv(folder / "suspects.csv").n.eq(2).all()
    scale = "digits, 160 training images, 2 DIP steps, 1 epochs"
    assert conditions.scale.str.startswith(scale).all()
    assert scale in (folder / "replication.html").read_text()


def test_what_a_study_leaves_besides(done):
    folder = done[0] / "tiny"
    page = (folder / "dashboard.html").read_text()
    # of a fixed design no importance is computed: for a choice among many it takes minutes
    assert "or nothing was searched" in page
    # nor is any of its runs the best: they are scored on different numbers of images
    assert "a fixed design." in page
    assert "Pareto front" not in page.partition("<script>")[0]
    assert not (folder / "best.json").exists()
    extra_scores = pd.read_csv(folder / "extra_scores.csv")
    assert set(extra_scores.images) >= {"restored", "refined", "from noise", "from prior"}
    trials = pd.read_csv(folder / "trials.csv", dtype={"trial_id": str})
    scored = trials[(trials.condition == COMBINED) & (trials.seed == 1)].trial_id.item()
    for stage in ("samples", "refined", "from-noise", "from-prior"):
        Image.open(folder / "samples" / scored / f"{stage}.png").verify()
    assert not (folder / reproduce.UNFINISHED_FOLDER).exists()


def test_what_has_ended_is_not_run_again_and_seeds_can_be_added(done):
    place, _ = done
    folder, resume = place / "tiny", ["--resume", "tiny", "--results-dir", str(place)]
    before = (folder / "trials.csv").read_bytes()
    timing = (folder / "timing.csv").read_bytes()
    assert main(resume) == 0
    assert (folder / "trials.csv").read_bytes() == before
    assert main([*resume, "--seeds", "3"]) == 0
    assert (folder / "trials.csv").read_bytes().startswith(before)
    trials = pd.read_csv(folder / "trials.csv")
    assert set(trials.status) == {"completed"}
    seeds = (
        trials[~trials.condition.str.startswith(AS_REPORTED)]
        .groupby("condition")
        .seed.apply(sorted)
    )
    assert (seeds.map(tuple) == (1, 2, 3)).all()
    assert (folder / "timing.csv").read_bytes() == timing


def test_a_study_belongs_to_the_command_that_began_it(done, capsys):
    place, _ = done
    with pytest.raises(SystemExit) as caught:
        search.main(["--resume", "tiny", "--results-dir", str(place)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "--resume is tiny; expected a study of study/run.py, not study/reproduce.py" in error
    assert json.loads((place / "tiny" / "study.json").read_text())["status"] == "finished"


def test_a_replication_of_version_0_1_is_not_resumed(tmp_path, capsys):
    """Its trials have a column ``row``; mixing them with today's would leave a table of both."""
    begun = {"command": "study/reproduce.py", "name": "old", "status": "interrupted"}
    begun |= {"description": json.loads(json.dumps(TOY.to_json())), "rows": {}}
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "study.json").write_text(json.dumps(begun))
    with pytest.raises(SystemExit) as caught:
        main(["--resume", "old", "--results-dir", str(tmp_path)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert (
        "--resume is old; expected a replication that this version began, not one of 0.1" in error
    )
    assert "begin a new one under another --name" in error
    assert error.count("\n") == 1
    assert json.loads((folder / "study.json").read_text()) == begun


def test_both_pages_of_a_replication_are_drawn_again(done, capsys):
    folder = done[0] / "tiny"
    tables = ("claims.csv", "conditions.csv", "extra_scores.csv")
    before = {name: (folder / name).read_bytes() for name in tables}
    for name in (*tables, "dashboard.html", "replication.html"):
        (folder / name).unlink()
    assert dashboard.main([str(folder)]) == 0
    drawn = [folder / "dashboard.html", folder / "replication.html"]
    assert capsys.readouterr().out.split() == [str(page) for page in drawn]
    assert all(page.exists() for page in drawn)
    assert {name: (folder / name).read_bytes() for name in tables} == before


def test_a_folder_with_fewer_images_than_a_batch_is_refused_before_any_work(tmp_path, capsys):
    images = tmp_path / "images"
    for number in range(120):
        (images / str(number % 2)).mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(images / str(number % 2) / f"{number}.png")
    with pytest.raises(SystemExit) as caught:
        main(["--dataset", str(images), "--results-dir", str(tmp_path / "results")])
    assert caught.value.code == 2
    assert "batch_size is 128; expected at most" in capsys.readouterr().err.replace("-", "_")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seeds", "1"], "--seeds is 1; expected at least 2, for an interval"),
        (["--train-size", "100"], "--train-size is 100; expected at least 128, a batch of the"),
        (["--train-size", "2000"], "--train-size is 2000; expected at most 1000 for digits"),
        (["--max-epochs", "0"], "--max-epochs is 0; expected at least 1"),
        (["--dip-steps", "0"], "--dip-steps is 0; expected at least 1"),
        (
            ["--dataset", "cats"],
            "--dataset is cats; expected digits, mnist-small, mnist or an existing folder",
        ),
        (["--dataset", "mnist", "--data-dir", "/nowhere"], "MNIST is not in /nowhere"),
        (["--name", "a/b"], "--name is a/b; expected"),
        (["--resume", "gone"], "--resume is gone; expected a study, but there is none in"),
        (["--cpus-per-trial", "1000"], "--cpus-per-trial is 1000.0; expected at most"),
        (["--preset", "huge"], "--preset: invalid choice: 'huge'"),
    ],
)
def test_bad_usage_is_one_line_and_leaves_nothing(flags, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*flags, "--results-dir", str(tmp_path / "results")])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("study/reproduce.py: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "results").exists()
