"""Only what is ours is removed from iptables."""

from cluster.firewall import removal_script

OURS = '-m comment --comment "name: \\"mlz-pods\\" id: \\"464d\\""'
FOREIGN = '-m comment --comment "name: \\"podman\\" id: \\"99\\""'


def saved(*lines: str, table: str = "nat") -> str:
    return "\n".join([f"*{table}", ":PREROUTING ACCEPT [0:0]", *lines, "COMMIT", "# done", ""])


def test_nothing_of_ours_means_nothing_to_do() -> None:
    script = removal_script(saved(":DOCKER - [0:0]", "-A PREROUTING -j DOCKER"))

    assert script == ""


def test_an_empty_answer_means_nothing_to_do() -> None:
    assert removal_script("") == ""


def test_jumps_are_deleted_before_the_chains_they_lead_to() -> None:
    script = removal_script(
        saved(
            ":KUBE-SERVICES - [0:0]",
            ":KUBE-SVC-ABC - [0:0]",
            '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
            "-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -j KUBE-SVC-ABC",
        )
    )

    assert script.splitlines() == [
        "*nat",
        ":KUBE-SERVICES - [0:0]",
        ":KUBE-SVC-ABC - [0:0]",
        '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        "-X KUBE-SERVICES",
        "-X KUBE-SVC-ABC",
        "COMMIT",
    ]


def test_chains_of_another_pod_network_stay() -> None:
    script = removal_script(
        saved(
            ":CNI-aaa - [0:0]",
            ":CNI-bbb - [0:0]",
            f"-A POSTROUTING -s 10.244.0.5/32 {OURS} -j CNI-aaa",
            f"-A POSTROUTING -s 10.88.0.5/32 {FOREIGN} -j CNI-bbb",
        )
    )

    assert "CNI-aaa" in script
    assert "CNI-bbb" not in script


def test_shared_host_port_chains_stay_while_another_network_uses_them() -> None:
    script = removal_script(
        saved(
            ":CNI-DN-bbb - [0:0]",
            ":CNI-HOSTPORT-DNAT - [0:0]",
            "-A PREROUTING -j CNI-HOSTPORT-DNAT",
            f"-A CNI-HOSTPORT-DNAT {FOREIGN} -j CNI-DN-bbb",
        )
    )

    assert script == ""


def test_shared_host_port_chains_go_with_their_last_user() -> None:
    script = removal_script(
        saved(
            ":CNI-DN-aaa - [0:0]",
            ":CNI-HOSTPORT-DNAT - [0:0]",
            "-A PREROUTING -j CNI-HOSTPORT-DNAT",
            f"-A CNI-HOSTPORT-DNAT {OURS} -j CNI-DN-aaa",
        )
    )

    assert "-D PREROUTING -j CNI-HOSTPORT-DNAT" in script
    assert "-X CNI-HOSTPORT-DNAT" in script
    assert "-X CNI-DN-aaa" in script


def test_our_rule_without_a_chain_is_deleted() -> None:
    rule = "FORWARD -i mlzbr0 -m comment --comment mlz-cluster -j ACCEPT"

    script = removal_script(saved(f"-A {rule}", "-A FORWARD -j ACCEPT", table="filter"))

    assert script.splitlines() == ["*filter", f"-D {rule}", "COMMIT"]


def test_every_table_is_treated_on_its_own() -> None:
    both = saved(":KUBE-A - [0:0]", table="mangle") + saved(":KUBE-B - [0:0]", table="filter")

    script = removal_script(both)

    assert script.index("*mangle") < script.index("-X KUBE-A") < script.index("*filter")
