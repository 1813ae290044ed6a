"""
What hardware a pod is on: the proof before an engine claims an accelerator. Pure text work.

Linux on IBM Z names the machine type, the features and the facilities in ``/proc/cpuinfo``. The
machine type alone never proves the accelerator (a guest may lack it), and ``nnpa`` alone never
proves a z17. Source: Linux arch/s390/kernel/processor.c; zDNN tests facility 165.
"""

import re
from dataclasses import dataclass

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Provider

_NNPA_FACILITY = "165"
_MACHINES = {"3931": "z16", "3932": "z16", "9175": "z17", "9176": "z17"}
_MACHINE = re.compile(r"^processor\s+\d+:.*\bmachine\s*=\s*(\d{4})\b", re.MULTILINE)
_LIST = re.compile(r"^(features|facilities)\s*:\s*(.*)$", re.MULTILINE)
_WANTED = {
    Provider.ZAIU: "an IBM z16 or z17 with the integrated accelerator (NNPA)",
    Provider.TELUM2: "an IBM z17 with the integrated accelerator (NNPA)",
}


@dataclass(frozen=True, slots=True)
class Hardware:
    """
    What ``/proc/cpuinfo`` proves.

    Args:
        machine: ``z16``, ``z17``, or None for anything else or unknown.
        nnpa: whether every sign of the accelerator is there.
        is_z: whether this is Linux on IBM Z at all.
    """

    machine: str | None
    nnpa: bool
    is_z: bool

    def has(self, provider: Provider) -> bool:
        """Whether this hardware is what a provider needs."""
        if provider is Provider.CPU:
            return True
        if provider is Provider.TELUM2:
            return self.nnpa and self.machine == "z17"
        return self.nnpa

    def __str__(self) -> str:
        if not self.is_z:
            return "a processor that is not IBM Z"
        accelerator = "with" if self.nnpa else "without"
        return f"{self.machine or 'an older or unknown IBM Z'} {accelerator} NNPA"


def parse_cpuinfo(text: str) -> Hardware:
    """Read the text of ``/proc/cpuinfo``; anything that is not Linux on Z proves nothing."""
    is_z = bool(re.search(r"^vendor_id\s*:\s*IBM/S390", text, re.MULTILINE))
    if not is_z:
        return Hardware(None, nnpa=False, is_z=False)
    words = {kind: found.split() for kind, found in _LIST.findall(text)}
    # Old kernels print no facilities; where they are printed both signs must agree.
    facility = _NNPA_FACILITY in words.get("facilities", [_NNPA_FACILITY])
    machines = set(_MACHINE.findall(text))
    machine = _MACHINES.get(machines.pop()) if len(machines) == 1 else None
    return Hardware(machine, nnpa=facility and "nnpa" in words.get("features", []), is_z=True)


def prove(provider: Provider, cpuinfo: str) -> None:
    """
    Refuse to claim a provider that this process cannot use.

    Raises:
        RejectedError: the hardware is not there, or no runtime for it is; never silently the CPU.
    """
    if provider is Provider.CPU:
        return
    hardware = parse_cpuinfo(cpuinfo)
    if not hardware.has(provider):
        raise RejectedError(
            Reason.ACCELERATOR_UNAVAILABLE,
            f"provider {provider} needs {_WANTED[provider]}; this pod runs on {hardware}",
        )
    raise RejectedError(
        Reason.ACCELERATOR_UNAVAILABLE,
        f"this pod runs on {hardware}, but its image carries no accelerator runtime for provider"
        f" {provider}; use an image that does, or provider cpu",
    )
