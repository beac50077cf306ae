"""Slurm on hosts of their own: a node with pretended GPUs on each, a controller on the first."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from support import ROOT
from support.hosts import Lab
from support.hosts import unavailable as no_hosts
from support.waiting import wait_until

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")

CONFIGURATION = """
ClusterName=lab
SlurmctldHost={controller}
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=/tmp/slurmctld
SlurmdSpoolDir=/tmp/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
GresTypes=gpu
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE
"""


def unavailable() -> str | None:
    """Why there can be no Slurm here; None if there can."""
    if absent := [program for program in PROGRAMS if not shutil.which(program)]:
        return f"not installed: {', '.join(absent)}"
    return no_hosts()


class Slurm:
    """A running Slurm on the hosts of a lab, which all write ``folder``.

    Args:
        lab: hosts whose ``SLURM_CONF`` names ``slurm.conf`` in the folder.
        cpus, gpus: what each node claims to have.
    """

    def __init__(self, lab: Lab, folder: Path, cpus: int, gpus: int) -> None:
        self.folder, self.hosts, self.login = folder, lab.hosts, lab.hosts[0]
        devices = [folder / f"gpu{i}" for i in range(gpus)]
        for device in devices:
            device.touch()
        nodes = [
            f"NodeName={host.name} NodeAddr={host.address} CPUs={cpus} Gres=gpu:{gpus}"
            for host in lab.hosts
        ]
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                controller=f"{self.login.name}({self.login.address})",
                folder=folder,
                nodes="\n".join(nodes),
            )
        )
        files = ",".join(map(str, devices))
        (folder / "gres.conf").write_text(f"Name=gpu File={files}\n")
        key = folder / "munge.key"
        key.write_bytes(b"lab" * 64)
        key.chmod(0o600)
        for host in lab.hosts:
            host.run(
                "mkdir -p /run/munge && munged --force --num-threads=1 "
                f"--key-file={key} --log-file=/tmp/munged.log --seed-file=/tmp/munge.seed"
            )
        self.login.run("mkdir -p /tmp/slurmctld && slurmctld")
        for host in lab.hosts:
            host.run(f"mkdir -p /tmp/slurmd && slurmd -N {host.name}")
        idle = ["idle"] * len(lab.hosts)
        self.wait_for(lambda: self.run("sinfo -h -N -o %T").split() == idle)

    def run(self, command: str) -> str:
        """Return what a command prints, on the login node, in the checkout, with the venv."""
        here = "PATH=~/venv/bin:$PATH"
        return self.login.run(f"{here}; cd {shlex.quote(str(ROOT))}; {command}").stdout.strip()

    def submit(self, arguments: str) -> str:
        """Return the id of a new job."""
        return self.run(f"sbatch --parsable {arguments}")

    def job(self, job: str) -> dict[str, str]:
        """Return what Slurm knows of a job."""
        words = self.login.run(f"scontrol -o show job {job}").stdout.split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Until something holds."""
        wait_until(holds, every_s=0.3, why_not=self._logs)

    def _logs(self) -> str:
        return "\n".join(log.read_text()[-4000:] for log in sorted(self.folder.rglob("*.log")))
