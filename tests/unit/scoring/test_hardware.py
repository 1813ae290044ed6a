"""/proc/cpuinfo of real machines, and what it proves."""

import pytest

from mlz.errors import Reason, RejectedError
from mlz.model.asset import Provider
from mlz.scoring.hardware import parse_cpuinfo, prove
from mlz.scoring.machine import Machine, parse_memory_limit, read_machine

FEATURES = (
    "esan3 zarch stfle msa ldisp eimm dfp edat etf3eh highgprs te vx vxd vxe gs vxe2 vxp sort dflt"
)


def cpuinfo(machine: str, features: str, facilities: str | None = None, cpus: int = 2) -> str:
    """As the kernel prints it (arch/s390/kernel/processor.c)."""
    listed = "" if facilities is None else f"facilities      : {facilities}\n"
    lines = "\n".join(
        f"processor {number}: version = FF,  identification = 2733E8,  machine = {machine}"
        for number in range(cpus)
    )
    return (
        "vendor_id       : IBM/S390\n"
        f"# processors    : {cpus}\n"
        "bogomips per cpu: 3241.00\n"
        "max thread id   : 0\n"
        f"features\t: {features}\n"
        f"{listed}"
        "cache0          : level=1 type=Data scope=Private size=128K line_size=256\n"
        f"{lines}\n"
        "\ncpu number      : 0\nphysical id     : 0\nversion         : FF\nmachine         : 9999\n"
    )


WITH = f"{FEATURES} vxp2 nnpa pcimio sie"
WITHOUT = f"{FEATURES} pcimio sie"
X86 = (
    "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)\n"
    "flags\t\t: fpu vme nnpa avx512f\n"
)
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd nnpa\nCPU implementer\t: 0x41\n"
Z16 = cpuinfo("3931", WITH, "0 1 2 3 164 165 193 194")
Z17 = cpuinfo("9175", WITH, "0 1 2 165 202")


@pytest.mark.parametrize(
    ("text", "machine", "nnpa"),
    [
        pytest.param(Z16, "z16", True, id="a z16"),
        pytest.param(cpuinfo("3932", WITH), "z16", True, id="a z16 A02, without facilities"),
        pytest.param(Z17, "z17", True, id="a z17"),
        pytest.param(cpuinfo("9176", WITH), "z17", True, id="a small z17"),
        pytest.param(cpuinfo("3931", WITHOUT), "z16", False, id="a guest without the accelerator"),
        pytest.param(cpuinfo("3931", WITH, "0 1 2 164"), "z16", False, id="the two signs disagree"),
        pytest.param(cpuinfo("8561", WITHOUT), None, False, id="a z15"),
        pytest.param(cpuinfo("3906", WITHOUT), None, False, id="a z14"),
        pytest.param(cpuinfo("9999", WITH), None, True, id="a machine to come"),
        pytest.param(
            cpuinfo("3931", WITH.replace("nnpa", "nnpax")), "z16", False, id="whole words"
        ),
        pytest.param(X86, None, False, id="x86, whatever its flags say"),
        pytest.param(ARM, None, False, id="arm, whatever its features say"),
        pytest.param("", None, False, id="nothing to read"),
    ],
)
def test_what_cpuinfo_proves(text: str, machine: str | None, nnpa: bool) -> None:
    hardware = parse_cpuinfo(text)

    assert (hardware.machine, hardware.nnpa) == (machine, nnpa)


@pytest.mark.parametrize(
    ("provider", "text", "words"),
    [
        pytest.param(Provider.ZAIU, X86, "not IBM Z", id="zaiu on x86"),
        pytest.param(Provider.ZAIU, cpuinfo("3931", WITHOUT), "without NNPA", id="no accelerator"),
        pytest.param(Provider.TELUM2, Z16, "z16 with NNPA", id="telum2 needs a z17"),
        pytest.param(Provider.TELUM2, cpuinfo("9175", WITHOUT), "z17 without", id="and its NNPA"),
        pytest.param(Provider.TELUM2, cpuinfo("9999", WITH), "unknown", id="and a known machine"),
        pytest.param(Provider.ZAIU, Z16, "no accelerator runtime", id="zaiu is there, no runtime"),
        pytest.param(Provider.ZAIU, Z17, "no accelerator runtime", id="a z17 has it too"),
        pytest.param(Provider.TELUM2, Z17, "no accelerator runtime", id="telum2, no runtime"),
    ],
)
def test_an_accelerator_is_never_claimed_without_proof_nor_replaced_by_the_cpu(
    provider: Provider, text: str, words: str
) -> None:
    with pytest.raises(RejectedError, match=words) as refused:
        prove(provider, text)

    assert refused.value.reason is Reason.ACCELERATOR_UNAVAILABLE


def test_the_cpu_needs_no_proof() -> None:
    prove(Provider.CPU, "")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        pytest.param("536870912\n", 536870912, id="a limit"),
        pytest.param("max\n", None, id="cgroup v2 without one"),
        pytest.param("9223372036854771712\n", None, id="cgroup v1 without one"),
        pytest.param("", None, id="no file"),
        pytest.param("0", None, id="zero is none"),
    ],
)
def test_the_memory_limit_of_a_container(text: str, limit: int | None) -> None:
    assert parse_memory_limit(text) == limit


def test_this_machine_can_be_read() -> None:
    machine = read_machine()

    assert isinstance(machine, Machine)
    assert machine.cpuinfo
