"""Bad input to every command: status 2, one line that names the culprit, and nothing on disk.

The commands are called in this process and refuse before any work: no Ray is started.
"""

import pytest
from support.image_folders import save_images
from support.refusals import refused

from dipddpm.__main__ import main as library
from study.__main__ import main as installed
from study.commands import reproduce, search
from study.commands.check_cluster import main as check_cluster
from study.commands.dashboard import main as dashboard
from study.problem.arguments import INTERVALS, make_parser

COMMANDS = {
    "run": search.main,
    "reproduce": reproduce.main,
    "dashboard": dashboard,
    "check-cluster": check_cluster,
    "dip-ddpm-study": installed,
    "dipddpm": library,
}

NO_NUMBER = ("abc", "1,2", "0x10", "1_000", "٣", "1e", "--", "1 000")
BLANK = ("", " ", "\t")
NO_TEXT = ("a\nb", "a\0b", "a\x1b[31mb", "\udcff")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory: a text, a file of random bytes, and folders without a study."""
    (tmp_path / "text.txt").write_text("some text\n")
    (tmp_path / "bytes").write_bytes(bytes(range(256)))
    (tmp_path / "empty").mkdir()
    (tmp_path / "results" / "taken").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def accepted(session):
        raise AssertionError("the input was accepted")

    monkeypatch.setattr(search, "run", accepted)
    monkeypatch.setattr(reproduce, "run", accepted)
    return tmp_path


def flags_of(*kinds):
    """The flags of ``study/run.py`` whose values are read as one of these types."""
    return [
        action.option_strings[0]
        for action in make_parser()._actions
        if action.option_strings[0] != "-h"
        and getattr(action.type, "__name__", "str") in kinds
        and not action.choices
    ]


@pytest.mark.parametrize("flag", flags_of("int", "float"))
def test_what_is_no_number_is_refused_by_every_flag_that_takes_one(flag, here, capsys):
    values = 2 if flag[2:].replace("-", "_") in INTERVALS else 1
    for value in (*NO_NUMBER, *BLANK, *NO_TEXT):
        line = refused(search.main, [flag, *[value] * values], here, capsys)
        assert line.startswith("study/run.py: ")
        assert flag in line
    assert flag in refused(search.main, [flag], here, capsys)


@pytest.mark.parametrize("flag", flags_of("str", "Path"))
def test_what_is_blank_or_no_text_is_refused_by_every_flag(flag, here, capsys):
    for value in (*BLANK, *NO_TEXT):
        for words in ([flag, value], [f"{flag}={value}"]):
            assert f"{flag} is " in refused(search.main, words, here, capsys)


CASES = [
    # numbers out of bounds
    ("run", ["--num-samples", "0"], "--num-samples is 0; expected at least 1"),
    ("run", ["--num-samples", "-1"], "--num-samples is -1; expected at least 1"),
    ("run", ["--num-samples", "1000000000"], "--num-samples is 1000000000; expected at most"),
    ("run", ["--num-samples", "9" * 60], "expected at most 100000"),
    ("run", ["--max-epochs", "0"], "--max-epochs is 0; expected at least 1"),
    ("run", ["--max-epochs", "1000000000"], "--max-epochs is 1000000000; expected at most"),
    ("run", ["--eval-every", "0"], "--eval-every is 0; expected at least 1"),
    ("run", ["--dip-steps", "0"], "--dip-steps is 0; expected at least 1"),
    ("run", ["--dip-steps", "9" * 60], "expected at most 1000000"),
    ("run", ["--dip-width", "1000000000"], "--dip-width is 1000000000; expected at most 512"),
    ("run", ["--dip-width", "12"], "--dip-width is 12; expected a multiple of 8"),
    ("run", ["--width", "20"], "--width is 20; expected a multiple of 8"),
    ("run", ["--width", "8000000"], "--width is 8000000; expected at most 512"),
    ("run", ["--batch-size", "1000000000"], "--batch-size is 1000000000; expected at most"),
    ("run", ["--batch-size", "6001"], "--batch-size is 6001; expected at most 6000"),
    ("run", ["--dip-batch-size", "0"], "--dip-batch-size is 0; expected at least 1"),
    ("run", ["--image-size", "1000000"], "--image-size is 1000000; expected at most 512"),
    ("run", ["--image-size", "-8"], "--image-size is -8; expected at least 1"),
    ("run", ["--timesteps", "1000000000"], "--timesteps is 1000000000; expected at most 100000"),
    ("run", ["--timesteps", "5"], "--sampler-steps is 10; expected 1 to 5"),
    ("run", ["--start-step", "5000"], "--start-step is 5000; expected 1 to 1000"),
    ("run", ["--scored-images", "9"], "--scored-images is 9; expected at least 10"),
    ("run", ["--prior-size", "0"], "--prior-size is 0; expected at least 1"),
    ("run", ["--train-size", "20"], "--train-size is 20; expected at least 32, a batch"),
    (
        "run",
        ["--train-size", "7000"],
        "--train-size is 7000; expected at most 6000 for mnist-small",
    ),
    ("run", ["--ema-decay", "1"], "--ema-decay is 1.0; expected at least 0 and below 1"),
    ("run", ["--ema-decay", "nan"], "--ema-decay is nan; expected"),
    ("run", ["--eta", "nan"], "--eta is nan; expected 0 to 1"),
    ("run", ["--eta", "1.5"], "--eta is 1.5; expected 0 to 1"),
    ("run", ["--budget", "0"], "--budget is 0.0; expected a number above 0"),
    ("reproduce", ["--budget", "-1"], "--budget is -1.0; expected a number above 0"),
    ("run", ["--price-per-hour", "nan"], "--price-per-hour is nan; expected a number above 0"),
    ("run", ["--log-to", "tensorbord"], "--log-to is tensorbord; expected one or more of mlflow"),
    ("run", ["--log-to", "wandb,"], "--log-to is wandb,; expected one or more of mlflow"),
    ("run", ["--seed", "-1"], "--seed is -1; expected 0 to 4294967295"),
    ("run", ["--seed", "4294967296"], "--seed is 4294967296; expected"),
    ("run", ["--seed", "4294967296"], "--seed is 4294967296; expected 0 to 4294967295"),
    ("run", ["--std", "1.2", "0.8"], "--std is 1.2 0.8; expected LO HI with 0 < LO < HI"),
    ("run", ["--std", "nan", "nan"], "--std is nan nan; expected LO HI"),
    ("run", ["--std", "0.1", "inf"], "--std is 0.1 inf; expected LO HI"),
    ("run", ["--std", "0.1"], "--std: expected 2 arguments"),
    ("run", ["--dip-lr", "0", "1"], "--dip-lr is 0 1; expected LO HI with 0 < LO < HI"),
    ("run", ["--dip-lr", "1e999", "1e999"], "--dip-lr is inf inf; expected LO HI"),
    ("run", ["--ddpm-lr", "nan", "1"], "--ddpm-lr is nan 1; expected LO HI"),
    ("run", ["--ddpm-lr", "1e-3", "1e-3"], "--ddpm-lr is 0.001 0.001; expected LO HI"),
    ("run", ["--grace-period", "0"], "--grace-period is 0; expected at least 1"),
    ("run", ["--grace-period", "5"], "--grace-period is 5; expected at most 4, --max-epochs"),
    ("run", ["--reduction-factor", "1"], "--reduction-factor is 1.0; expected above 1"),
    ("run", ["--reduction-factor", "1.0000001"], "--reduction-factor is 1.0000001; expected"),
    ("run", ["--reduction-factor", "inf"], "--reduction-factor is inf; expected"),
    ("run", ["--reduction-factor", "nan"], "--reduction-factor is nan; expected"),
    ("run", ["--time-budget", "0"], "--time-budget is 0.0; expected a number of seconds above 0"),
    ("run", ["--time-budget", "inf"], "--time-budget is inf; expected a number of seconds"),
    ("run", ["--time-budget", "nan"], "--time-budget is nan; expected a number of seconds"),
    ("run", ["--confirm-top", "-1"], "--confirm-top is -1; expected 0 (no confirmation) or more"),
    ("run", ["--confirm-top", "31"], "--confirm-top is 31; expected at most 30, --num-samples"),
    ("run", ["--confirm-seeds", "1"], "--confirm-seeds is 1; expected at least 2, for an interval"),
    ("run", ["--confirm-seeds", "9" * 30], "expected at most 499"),
    ("run", ["--cpus-per-trial", "0"], "--cpus-per-trial is 0.0; expected above 0"),
    ("run", ["--cpus-per-trial", "1e-300"], "--cpus-per-trial is 1e-300; expected above 0"),
    ("run", ["--cpus-per-trial", "nan"], "--cpus-per-trial is nan; expected"),
    ("run", ["--cpus-per-trial", "1000"], "--cpus-per-trial is 1000.0; expected at most"),
    ("run", ["--gpus-per-trial", "-1"], "--gpus-per-trial is -1.0; expected a share"),
    ("run", ["--gpus-per-trial", "1.5"], "--gpus-per-trial is 1.5; expected a share"),
    ("run", ["--gpus-per-trial", "1e-300"], "--gpus-per-trial is 1e-300; expected a share"),
    ("run", ["--gpus-per-trial", "99"], "--gpus-per-trial is 99.0; expected at most"),
    ("run", ["--max-concurrent", "0"], "--max-concurrent is 0; expected at least 1"),
    # choices
    ("run", ["--preset", "huge"], "--preset: invalid choice: 'huge'"),
    ("run", ["--sampler", "cmaes"], "--sampler: invalid choice: 'cmaes'"),
    ("run", ["--scheduler", "hyperband"], "--scheduler: invalid choice: 'hyperband'"),
    ("run", ["--space", "all"], "--space: invalid choice: 'all'"),
    ("run", ["--prior", "Restorer"], "--prior: invalid choice: 'Restorer'"),
    (
        "run",
        ["--denoiser", "original", "--dataset", "digits"],
        "--denoiser is original; expected 28×28 images",
    ),
    ("run", ["--objectives", "fid,beauty"], "--objectives is fid,beauty; expected one or more of"),
    ("run", ["--objectives", "fid,fid"], "--objectives is fid,fid; expected one or more of"),
    ("run", ["--objectives", "fid,"], "--objectives is fid,; expected one or more of"),
    ("run", ["--objectives", "FID"], "--objectives is FID; expected one or more of"),
    ("run", ["--objectives", "features"], "--objectives is features; expected one or more of fid"),
    ("run", ["--objectives", "scored_images"], "--objectives is scored_images; expected one or"),
    (
        "run",
        ["--objectives", "fid_corrupted"],
        "--objectives is fid_corrupted; expected without fid_corrupted, which only --regime noisy",
    ),
    (
        "run",
        ["--regime", "noisy", "--objectives", "fid,kid"],
        "--objectives is fid,kid; expected without fid, kid, which rests on clean images",
    ),
    ("run", ["--objectives", "contrast"], "--objectives is contrast; expected one or more of"),
    (
        "run",
        ["--prior", "none", "--objectives", "dip_psnr"],
        "without dip_psnr, which --prior",
    ),
    # names, folders and files
    ("run", ["--name", "a/b"], "--name is a/b; expected"),
    ("run", ["--name", ".."], "--name is ..; expected"),
    ("run", ["--name", "latest"], "--name is latest; expected at most 100"),
    ("run", ["--name", "x" * 101], "expected at most 100 letters"),
    ("run", ["--name", "a?b"], "--name is a?b; expected"),
    ("run", ["--name", "a%41b"], "--name is a%41b; expected"),
    ("run", ["--name", "a#b"], "--name is a#b; expected"),
    ("run", ["--name", "{fid}"], "--name is {fid}; expected"),
    ("run", ["--name", "[red]a"], "--name is [red]a; expected"),
    ("run", ["--name", "a b"], "--name is a b; expected"),
    ("run", ["--name", "a'b\""], "--name is a'b\"; expected"),
    ("run", ["--name", "müll"], "--name is müll; expected"),
    ("run", ["--name", "-x"], "--name: expected one argument"),
    ("run", ["--name", "taken"], "--name is taken; expected a new name"),
    (
        "run",
        ["--dataset", "cats"],
        "--dataset is cats; expected digits, mnist-small, mnist or an existing",
    ),
    (
        "run",
        ["--dataset", "text.txt"],
        "--dataset is text.txt; expected digits, mnist-small, mnist or",
    ),
    ("run", ["--dataset", "empty"], "empty holds 0 images"),
    ("run", ["--dataset", "mnist", "--data-dir", "/nowhere"], "MNIST is not in /nowhere"),
    ("run", ["--dataset", "mnist", "--data-dir", "text.txt"], "MNIST is not in text.txt"),
    ("run", ["--data-dir", "/nowhere"], "--data-dir is /nowhere; expected none"),
    ("run", ["--results-dir", "text.txt"], "--results-dir is text.txt; cannot write"),
    ("run", ["--results-dir", "text.txt/a"], "--results-dir is text.txt/a; cannot write"),
    ("run", ["--resume"], "--resume is latest; expected a study, but there is none in results"),
    ("run", ["--resume", "gone"], "--resume is gone; expected a study, but there is none in"),
    ("run", ["--resume", "taken"], "--resume is taken; expected a study, but there is none in"),
    ("run", ["--resume", ".."], "--resume is ..; expected"),
    ("run", ["--resume", "/etc"], "--resume is /etc; expected"),
    ("run", ["--resume", "a", "--name", "b"], "--resume is a; expected b, as --name says"),
    ("run", ["--regime", "noisy", "--std", "0.1", "1"], "--std is 0.1 1; expected one value twice"),
    # storages and clusters
    ("run", ["--storage-url", "nonsense"], "--storage-url is nonsense; expected an Optuna storage"),
    ("run", ["--storage-url", "{a}"], "--storage-url is {a}; expected an Optuna storage"),
    (
        "run",
        ["--storage-url", "sqlite:////nowhere/a.db"],
        "--storage-url is sqlite:////nowhere/a.db;",
    ),
    ("run", ["--storage-url", "sqlite:///empty"], "--storage-url is sqlite:///empty; expected"),
    ("run", ["--storage-url", "sqlite:///bytes"], "--storage-url is sqlite:///bytes; expected"),
    ("run", ["--storage-url", "redis://localhost:1/0"], "--storage-url is redis://localhost:1/0;"),
    ("run", ["--storage-url", "postgresql://h:port/x"], "--storage-url is postgresql://h:port/x;"),
    ("run", ["--storage-url", "oracle://h/x"], "--storage-url is oracle://h/x; expected"),
    ("run", ["--storage-path", "text.txt"], "--storage-path is text.txt; expected a place"),
    ("run", ["--storage-path", "text.txt/a"], "--storage-path is a; expected a place"),
    ("run", ["--storage-path", "s3://"], "--storage-path is s3:; expected s3://bucket/folder"),
    ("run", ["--storage-path", "ftp://h/x"], "--storage-path is ftp://h/x; expected s3://bucket"),
    ("run", ["--storage-path", "file:///proc/a"], "--storage-path is a; expected a place"),
    ("run", ["--ray-address", "here"], "--ray-address is here; expected auto or HOST:PORT"),
    ("run", ["--ray-address", "local"], "--ray-address is local; expected auto or HOST:PORT"),
    ("run", ["--ray-address", ":6379"], "--ray-address is :6379; expected auto or HOST:PORT"),
    ("run", ["--ray-address", "localhost:0"], "--ray-address is localhost:0; expected auto or"),
    ("run", ["--ray-address", "localhost:99999"], "--ray-address is localhost:99999; expected"),
    ("run", ["--ray-address", "localhost:-1"], "--ray-address is localhost:-1; expected"),
    ("run", ["--ray-address", "localhost:٣"], "--ray-address is localhost:٣; expected"),
    ("run", ["--ray-address", "ray://localhost:1"], "--ray-address is ray://localhost:1; expected"),
    ("run", ["--ray-address", "localhost:1"], "nothing answers at localhost:1: Connection refused"),
    # flags
    ("run", ["--foo"], "unrecognized arguments: --foo"),
    ("run", ["extra"], "unrecognized arguments: extra"),
    ("run", ["--num-sample", "3"], "--num-sample 3; did you mean --num-samples?"),
    ("run", ["--epochs", "3"], "unrecognized arguments: --epochs 3; did you mean --max-epochs?"),
    ("run", ["--num_samples=3"], "--num_samples=3; did you mean --num-samples?"),
    ("run", ["-n", "3"], "unrecognized arguments: -n 3"),
    ("run", ["--name"], "--name: expected one argument"),
    ("run", ["--score-split", "test"], "unrecognized arguments: --score-split test"),
    # the replication
    ("reproduce", ["--num-samples", "3"], "unrecognized arguments: --num-samples 3"),
    ("reproduce", ["--objectives", "fid"], "unrecognized arguments: --objectives fid"),
    ("reproduce", ["--seeds", "0"], "--seeds is 0; expected at least 2"),
    ("reproduce", ["--seeds", "1"], "--seeds is 1; expected at least 2"),
    ("reproduce", ["--seeds", "1000000000000"], "--seeds is 1000000000000; expected at most 499"),
    ("reproduce", ["--train-size", "100"], "--train-size is 100; expected at least 128"),
    ("reproduce", ["--max-epochs", "0"], "--max-epochs is 0; expected at least 1"),
    ("reproduce", ["--dip-steps", "1e3"], "--dip-steps: invalid int value: '1e3'"),
    (
        "reproduce",
        ["--dataset", "cats"],
        "--dataset is cats; expected digits, mnist-small, mnist or",
    ),
    ("reproduce", ["--dataset", "empty"], "empty holds 0 images"),
    ("reproduce", ["--resume", "gone"], "--resume is gone; expected a study"),
    ("reproduce", ["--name", "a b"], "--name is a b; expected"),
    ("reproduce", ["--name", "taken"], "--name is taken; expected a new name"),
    ("reproduce", ["--results-dir", "text.txt"], "--results-dir is text.txt; cannot write"),
    ("reproduce", ["--storage-path", ""], "--storage-path is ; expected a value that is not blank"),
    # pages
    ("dashboard", [], "the following arguments are required: results/NAME"),
    ("dashboard", ["nowhere"], "nowhere holds no study that can be drawn"),
    ("dashboard", ["text.txt"], "text.txt holds no study that can be drawn"),
    ("dashboard", ["empty"], "empty holds no study that can be drawn"),
    ("dashboard", ["empty", "nowhere"], "empty holds no study that can be drawn"),
    ("dashboard", ["a\nb"], "a\\nb holds no study that can be drawn"),
    ("dashboard", ["a\0b"], "a\\x00b holds no study that can be drawn"),
    ("dashboard", ["--foo", "empty"], "unrecognized arguments: --foo"),
    # cluster files
    ("check-cluster", [], "the following arguments are required: file"),
    ("check-cluster", ["nowhere"], "nowhere cannot be read: No such file or directory"),
    ("check-cluster", ["empty"], "empty cannot be read: Is a directory"),
    ("check-cluster", ["bytes"], "bytes is not text in UTF-8"),
    ("check-cluster", ["text.txt"], "text.txt: the file: 'some text' is not of type 'object'"),
    ("check-cluster", [""], "is ; expected a value that is not blank"),
    ("check-cluster", ["--foo", "text.txt"], "unrecognized arguments: --foo"),
    # the installed commands
    ("dip-ddpm-study", [], "the following arguments are required: command"),
    ("dip-ddpm-study", ["serach"], "invalid choice: 'serach'"),
    ("dip-ddpm-study", [""], "invalid choice: ''"),
    ("dip-ddpm-study", ["run", "--foo"], "dip-ddpm-study run: unrecognized arguments: --foo"),
    ("dip-ddpm-study", ["run", "--num-samples", "0"], "dip-ddpm-study run: --num-samples is 0;"),
    ("dip-ddpm-study", ["dashboard", "gone"], "dip-ddpm-study dashboard: gone holds no study"),
    # the library
    ("dipddpm", [], "the following arguments are required"),
    ("dipddpm", ["walk"], "invalid choice: 'walk'"),
    ("dipddpm", ["run", "--foo"], "unrecognized arguments: --foo"),
    ("dipddpm", ["run", "--epoch", "3"], "--epoch 3; did you mean --epochs?"),
    ("dipddpm", ["run", "--std", "-1"], "--std is -1.0; expected a finite number above 0"),
    ("dipddpm", ["run", "--std", "inf"], "--std is inf; expected a finite number above 0"),
    ("dipddpm", ["run", "--epochs", "many"], "--epochs: invalid int value: 'many'"),
    ("dipddpm", ["run", "--epochs", "1_0"], "--epochs: invalid int value: '1_0'"),
    ("dipddpm", ["run", "--batch-size", "1000000000"], "--batch-size is 1000000000; expected at"),
    (
        "dipddpm",
        ["run", "--train-size", "96", "--batch-size", "97"],
        "--batch-size is 97; expected",
    ),
    (
        "dipddpm",
        ["run", "--dataset", "cats"],
        "--dataset is cats; expected digits, mnist-small, mnist or",
    ),
    ("dipddpm", ["run", "--dataset", ""], "--dataset is ; expected a value that is not blank"),
    ("dipddpm", ["run", "--dataset", "empty"], "empty holds 0 images"),
    (
        "dipddpm",
        ["run", "--dataset", "mnist", "--data-dir", "/nowhere"],
        "MNIST is not in /nowhere",
    ),
    ("dipddpm", ["run", "--out", "empty"], "--out is empty; expected a new folder"),
    ("dipddpm", ["run", "--out", "text.txt"], "--out is text.txt; expected a new folder"),
    ("dipddpm", ["run", "--out", ""], "--out is ; expected a value that is not blank"),
    ("dipddpm", ["run", "--device", "magic"], "--device: magic cannot be used"),
    ("dipddpm", ["run", "--device", "cuda:99"], "--device: cuda:99 cannot be used"),
    ("dipddpm", ["run", "--device", "meta"], "--device: meta cannot be used"),
    ("dipddpm", ["restore", "nowhere.png"], "nowhere.png cannot be read as an image"),
    ("dipddpm", ["restore", "text.txt"], "text.txt cannot be read as an image"),
    ("dipddpm", ["restore", "empty"], "empty cannot be read as an image"),
    ("dipddpm", ["restore", "--prior", "none"], "--prior is none; expected restorer or dip"),
    ("dipddpm", ["restore", "--already-noisy"], "--already-noisy is True; expected files"),
    ("dipddpm", ["restore", "--refine", "bytes"], "bytes holds no weights of a run"),
    ("dipddpm", ["sample"], "the following arguments are required: checkpoint"),
    ("dipddpm", ["sample", "nowhere"], "nowhere holds no weights of a run"),
    ("dipddpm", ["sample", "empty"], "empty holds no weights of a run"),
    ("dipddpm", ["sample", "bytes"], "bytes holds no weights of a run"),
    ("dipddpm", ["sample", "nowhere", "--num", "0"], "--num is 0; expected at least 1"),
    ("dipddpm", ["sample", "nowhere", "--num", "9" * 20], "expected at most 1000000"),
    ("dipddpm", ["sample", "nowhere", "--eta", "much"], "--eta: invalid float value: 'much'"),
]


@pytest.mark.parametrize(("command", "argv", "message"), CASES)
def test_bad_usage_is_one_line_and_leaves_nothing(command, argv, message, here, capsys):
    assert message in refused(COMMANDS[command], argv, here, capsys)


@pytest.mark.parametrize(
    ("objective", "lack"),
    [("fid_second", "shipped features"), ("confidence", "labels"), ("classes", "labels")],
)
def test_an_objective_that_these_images_cannot_have_is_refused(objective, lack, here, capsys):
    save_images(here / "pictures", 1000)
    argv = ["--dataset", "pictures", "--objectives", f"fid,{objective}"]
    line = refused(search.main, argv, here, capsys)
    assert f"--objectives is fid,{objective}; expected without {objective}" in line
    assert f"these images have no {lack}" in line


SECRET = "sEcReT"

URLS = (
    f"postgresql://me:{SECRET}@localhost:1/x",
    f"postgresql://me:{SECRET}@h:port/x",
    f"postgresql://me:a/{SECRET}@h/x",
    f"postgresql://me:a@{SECRET}@h/x",
    f"postgresql://me:a#{SECRET}@h/x",
    f"postgresql://me:a?{SECRET}@h/x",
    f"postgresql://me:%40{SECRET}@h/x",
    f"postgresql://h/x?password={SECRET}",
    f"postgresql://h/x?user=me&password=a@{SECRET}",
    f"nonsense://me:{SECRET}@h/x?token={SECRET}",
    f"redis://:{SECRET}@h:1/0",
    f"me:{SECRET}@h",
    f"{{}}://me:{SECRET}@h",
)

URIS = (
    f"s3://key:{SECRET}@bucket/x",
    f"s3://key:a/{SECRET}@bucket/x",
    f"s3://key:a?{SECRET}@bucket/x",
    f"s3://bucket/x?secret_key={SECRET}",
    f"s3://bucket/x?access_key=me&secret_key={SECRET}&foo=1",
    f"nonsense://bucket/x?secret_key={SECRET}",
    f"nonsense://me:{SECRET}@bucket/x",
)


@pytest.mark.parametrize(
    ("flag", "url"),
    [*(("--storage-url", url) for url in URLS), *(("--storage-path", uri) for uri in URIS)],
)
def test_no_message_holds_a_password(flag, url, here, capsys):
    line = refused(search.main, [flag, url], here, capsys)
    assert f"{flag} is " in line
    assert SECRET not in line
