"""The check of job scripts for Slurm: each planted mistake is one line that names the option."""

import pytest
from support import ROOT

from study.cluster.slurm_check import mistakes, seconds
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
