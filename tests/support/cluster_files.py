"""The cluster files of this repository, filled in as a user would."""

import json
from typing import Any

import yaml

from support import ROOT


def filled(name: str) -> dict[str, Any]:
    """A file of ours as a user would fill it in; YAML's aliases become copies."""
    text = (ROOT / name).read_text().replace("worker_ips: [CHANGE-ME, ", "worker_ips: [10.0.0.3, ")
    for old, new in (
        ("&image CHANGE-ME", "&image ami-1234567890abcdef0"),
        ("&project CHANGE-ME", "&project my-project"),
        ("&worker_account CHANGE-ME", "&worker_account worker@my-project"),
        ("[CHANGE-ME]", "[sg-1234567890abcdef0]"),
        ("head_ip: CHANGE-ME", "head_ip: 10.0.0.2"),
        ("10.0.0.3, CHANGE-ME", "10.0.0.3, 10.0.0.4"),
        ("ssh_user: CHANGE-ME", "ssh_user: me"),
    ):
        text = text.replace(old, new)
    return json.loads(json.dumps(yaml.safe_load(text)))
