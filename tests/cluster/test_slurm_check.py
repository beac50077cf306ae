"""The check of job scripts for Slurm: each planted mistake is one line that names the option."""

import pytest
from support import ROOT

from study.cluster.job_script import seconds
from study.cluster.slurm_check import mistakes, most
from study.commands.check_cluster import main

SHIPPED = (ROOT / "deploy/slurm.sbatch").read_text()

MISTAKES = {
    "several tasks on a node": (
        ("--ntasks-per-node=1", "--ntasks-per-node=4"),
        "--ntasks-per-node is 4; expected 1: ",
    ),
    "any number of tasks on a node": (
        ("#SBATCH --ntasks-per-node=1\n", ""),
        "--ntasks-per-node is missing; expected 1: ",
    ),
    "more tasks than nodes": (
        ("#SBATCH --ntasks-per-node=1\n", "#SBATCH --ntasks-per-node=1\n#SBATCH -n 8\n"),
        "--ntasks is 8; expected 2, one for each of --nodes",
    ),
    "no number of nodes": (("--nodes=2\n", "--nodes=two\n"), "--nodes is two; expected the number"),
    "no cores": (("#SBATCH --cpus-per-task=16\n", ""), "--cpus-per-task is missing; expected "),
    "no time limit": (("#SBATCH --time=12:00:00\n", ""), "--time is missing; expected a limit"),
    "a time limit that is none": (("12:00:00", "UNLIMITED"), "--time is UNLIMITED; expected a "),
    "no signal": (
        ("#SBATCH --signal=B:USR1@300\n", ""),
        "--signal is missing; expected B:USR1@300",
    ),
    "a signal for Ray's processes too": (
        ("--signal=B:USR1@300", "--signal=USR1@300"),
        "--signal is USR1@300; expected B:USR1@300, which tells the script alone",
    ),
    "a signal that nothing takes up": (
        ("--signal=B:USR1@300", "--signal=B:USR2@300"),
        "--signal is B:USR2@300; expected a signal that a trap of the script takes up",
    ),
    "a signal too near to the limit": (
        ("USR1@300", "USR1@10"),
        "--signal comes 10 s before the limit; expected 60 to 21600 s: ",
    ),
    "a signal before the job has begun": (
        ("--time=12:00:00", "--time=5"),
        "--signal comes 300 s before the limit; expected 60 to 150 s: ",
    ),
    "no requeue after preemption": (("#SBATCH --requeue\n", ""), "--requeue is missing; "),
    "a requeue that is forbidden": (
        ("#SBATCH --requeue\n", "#SBATCH --no-requeue\n"),
        "--requeue is missing; ",
    ),
    "no requeue at the limit": (("scontrol requeue", "echo"), "no `scontrol requeue`; "),
    "nothing goes on": (("--resume", "--name"), "no --resume; without it a job that is "),
    "a log that is emptied": (
        ("#SBATCH --open-mode=append\n", ""),
        "--open-mode is missing; expected append, or ",
    ),
    "no GPUs": (("#SBATCH --gpus-per-node=4\n", ""), "--gpus-per-node is missing; expected GPUs"),
    "a count of GPUs that is none": (
        ("--gpus-per-node=4", "--gpus-per-node=a100"),
        "--gpus-per-node is a100; expected the number of GPUs of each node",
    ),
    "GPUs that nobody uses": (
        ("--gpus-per-trial 0.5", ""),
        "--gpus-per-trial is missing or no share; expected one that divides 4 GPUs",
    ),
    "a share that leaves a rest of each GPU": (
        ("--gpus-per-trial 0.5", "--gpus-per-trial 0.4"),
        "--gpus-per-trial is 0.4; expected a share that fills the 4 GPUs of --gpus-per-node",
    ),
    "GPUs of a trial that leave a rest of the node": (
        ("--gpus-per-trial 0.5", "--gpus-per-trial 3"),
        "--gpus-per-trial is 3; expected a share that fills the 4 GPUs of --gpus-per-node",
    ),
    "fewer cores than the trials need": (
        ("--cpus-per-task=16", "--cpus-per-task=8"),
        "--cpus-per-task is 8; expected at least 16, the cores of 8 trials with ",
    ),
    "fewer trials at once than there is room for": (
        ("--gpus-per-trial 0.5", "--gpus-per-trial=0.5 --max-concurrent 4"),
        "--max-concurrent is 4; expected at least 16, the trials that --nodes 2 have room for",
    ),
    "a signal whose trap does not end the study": (
        ("B:USR1@300", "B:TERM@300"),
        "--signal is B:TERM@300; expected a signal that a trap of the script takes up with kill",
    ),
    "a trap that ends the study at once": (
        ('kill -TERM "$driver"', 'kill -9 "$driver"'),
        "--signal is B:USR1@300; expected a signal that a trap of the script takes up with kill",
    ),
    "a study that the script waits for": (
        ('--ray-address "$address" &', '--ray-address "$address"'),
        "study/run.py has no & behind it; without it no trap is run before it has ended",
    ),
    "a study beside the cluster": (
        ('--ray-address "$address" &', "&"),
        "study/run.py has no --ray-address; without it one node alone runs trials",
    ),
    "a name that is not the job's": (
        ("--num-samples 30", "--num-samples 30 --name other"),
        "--name stands in study=(...); the script gives it itself, by the job",
    ),
    "no study": (("study=(--num", "other=(--num"), "study=(...) is missing; expected the flags"),
    "a log on one node": (
        ("--output=results/", "--output=/tmp/"),
        "--output is /tmp/%x-%j.log; expected a folder that all nodes share",
    ),
    "an environment that stays behind": (
        ("#SBATCH --requeue\n", "#SBATCH --requeue\n#SBATCH --export=NONE\n"),
        "--export is NONE; expected ALL, or the active Python environment is left behind",
    ),
    "a token in the file": (
        ("RAY_AUTH_TOKEN=$(python", "RAY_AUTH_TOKEN=12345 #$(python"),
        "RAY_AUTH_TOKEN is 12345; expected one that each job makes, which no file tells",
    ),
    "a shell without arrays": (
        ("#!/bin/bash", "#!/bin/sh"),
        "the first line is #!/bin/sh; expected #!/bin/bash, whose arrays the script uses",
    ),
    "a trial larger than a node": (
        ("--cpus-per-trial 2 --gpus-per-trial 0.5", "--cpus-per-trial 32 --gpus-per-trial 4"),
        "--cpus-per-task is 16; expected at least 32, the cores of 1 trials with ",
    ),
    "no storage": (
        (' --storage-path "$storage"', ""),
        "--storage-path is missing; expected a folder that all nodes share",
    ),
    "checkpoints on a node's own disk": (
        ("storage=results/storage", "storage=/tmp/storage"),
        "--storage-path is /tmp/storage; expected a folder that all nodes share",
    ),
    "results on a node's own disk": (
        ("results=results\n", 'results="${TMPDIR}/results"\n'),
        "--results-dir is $TMPDIR/results; expected a folder that all nodes share",
    ),
    "a fixed port": (
        ("port=$((20000 + SLURM_JOB_ID % 10000))", "port=6379"),
        "port is 6379; expected one of each job, as ",
    ),
    "a folder of Ray's that jobs share": (
        ("RAY_TMPDIR=/tmp/ray-$SLURM_JOB_ID", "RAY_TMPDIR=/tmp/ray"),
        "RAY_TMPDIR is /tmp/ray; expected a short folder of each node and job",
    ),
    "a folder of Ray's that nodes share": (
        ("RAY_TMPDIR=/tmp/", "RAY_TMPDIR=$HOME/"),
        "RAY_TMPDIR is $HOME/ray-$SLURM_JOB_ID; expected a short folder of each node and job",
    ),
    "too long a folder of Ray's": (
        ("RAY_TMPDIR=/tmp/ray-", f"RAY_TMPDIR=/tmp/{'long' * 8}-"),
        f"RAY_TMPDIR is /tmp/{'long' * 8}-$SLURM_JOB_ID; expected a short folder of each node and",
    ),
    "no token": (("RAY_AUTH_MODE=token", ""), "RAY_AUTH_MODE is missing; expected token"),
    "a step of one core": (
        ('srun --cpus-per-task="$SLURM_CPUS_PER_TASK"', "srun"),
        "srun has no --cpus-per-task; expected it",
    ),
    "an option below the first command": (
        ("set -euo pipefail\n", "set -euo pipefail\n#SBATCH --mem=8G\n"),
        "#SBATCH --mem=8G stands below the first command, where Slurm does not read it",
    ),
    "a placeholder": (("--job-name=first", "--job-name=CHANGE-ME"), "job-name is still CHANGE-ME"),
    "a quotation that is not closed": (
        ("--job-name=first", '--job-name="first'),
        "the script cannot be read: No closing quotation",
    ),
}


def test_the_shipped_script_is_fine(capsys):
    assert main([str(ROOT / "deploy/slurm.sbatch")]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake, tmp_path, capsys):
    (right, wrong), line = MISTAKES[mistake]
    assert right in SHIPPED
    file = tmp_path / "job.sbatch"
    file.write_text(SHIPPED.replace(right, wrong))
    assert main([str(file)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"{file}: {line}")


@pytest.mark.parametrize(
    ("long", "other"),
    [
        ("--nodes=2", "-N2"),
        ("--nodes=2", "-N 2"),
        ("--nodes=2", "--nodes 2 # two of them"),
        ("--time=12:00:00", "-t 720"),
        ("RAY_TMPDIR=/tmp/ray-$SLURM_JOB_ID", 'RAY_TMPDIR="/tmp/ray-${SLURM_JOB_ID}"'),
        ("--gpus-per-node=4", "--gpus-per-node=a100:4"),
        ("--gpus-per-node=4", "--gres=gpu:a100:4"),
        ("--gpus-per-trial 0.5", "--gpus-per-trial 0.25 --cpus-per-trial 1"),
        ("--gpus-per-trial 0.5", "--gpus-per-trial 2"),
    ],
)
def test_what_slurm_reads_the_same_is_fine(long, other):
    assert list(mistakes(SHIPPED.replace(long, other))) == []


def test_what_the_study_would_refuse_is_refused_before_the_queue(tmp_path, capsys):
    for flags, line in (
        ("--num-sample 30", "unrecognized arguments: --num-sample 30; did you mean --num-samples?"),
        ("--num-samples thirty", "argument --num-samples: "),
    ):
        file = tmp_path / "job.sbatch"
        file.write_text(SHIPPED.replace("--num-samples 30", flags))
        with pytest.raises(SystemExit) as ended:
            main([str(file)])
        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith(f"{file}: {line}")


@pytest.mark.parametrize(
    ("right", "wrong", "held"),
    [
        ("", "", "96 GPU hours"),
        ("12:00:00", "3-00:00:00", "576 GPU hours"),
        (
            "--num-samples 30",
            "--num-samples 30 --price-per-hour 1.5",
            "96 GPU hours (price 144.00)",
        ),
        ("--num-samples 30", "--price-per-hour .5", "96 GPU hours (price 48.00)"),
    ],
)
def test_what_a_job_can_cost_at_most_is_said(right, wrong, held, tmp_path, capsys):
    """Two nodes of four GPUs for twelve hours, if nothing else is said."""
    file = tmp_path / "job.sbatch"
    file.write_text(SHIPPED.replace(right, wrong))
    assert main([str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == (
        f"{file}: each start of the job holds at most {held}"
    )


def test_without_gpus_cores_are_what_a_job_holds():
    without = SHIPPED.replace("#SBATCH --gpus-per-node=4\n", "").replace("--gpus-per-trial 0.5", "")
    assert list(mistakes(without)) == []
    assert most(without) == "each start of the job holds at most 384 core hours"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("90", 5400),
        ("90:30", 5430),
        ("1:00:00", 3600),
        ("2-0", 172_800),
        ("1-12:30", 131_400),
        ("1-00:00:01", 86_401),
        ("0", 0),
        ("", 0),
        ("infinite", 0),
    ],
)
def test_time_limits_as_slurm_reads_them(limit, expected):
    assert seconds(limit) == expected
