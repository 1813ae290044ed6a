"""What the chart renders for imports by REST: their room, their log-in, and what a push leaves."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts import CHART, helm, render
from cluster.places import CHECKOUT
from contract.rendering import named
from mlz.settings import RestSettings

Json = dict[str, Any]

CONFIGURATIONS = [CHART / "files" / "registry.yml", CHECKOUT / "hack" / "images" / "registry.yml"]
# What else lies in the folder, and what comes until the kubelet looks again.
MARGIN_BYTES = 128 * 1024 * 1024


def facade(**rest: Any) -> Json:
    """The pod of the facade."""
    objects = render({"rest": {"enabled": True, **rest}, "registry": {"enabled": True}})
    pod: Json = named(objects, "Deployment", "mlz-rest")["spec"]["template"]["spec"]
    return pod


def environment(pod: Json) -> dict[str, str]:
    (container,) = pod["containers"]
    return {one["name"]: one.get("value", "") for one in container["env"]}


def duration(text: str) -> timedelta:
    """As Go writes it, of one unit."""
    match = re.fullmatch(r"(\d+)([smh])", text)
    assert match, text
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[match[2]]
    return timedelta(**{unit: int(match[1])})


@pytest.mark.parametrize("room", [None, 2**31, 10**13])
def test_uploads_stop_before_their_volume_is_full(room: int | None) -> None:
    pod = facade() if room is None else facade(uploads={"maxBytes": room})

    (uploads,) = (one for one in pod["volumes"] if one["name"] == "uploads")
    told = int(environment(pod)["MLZ_MAX_UPLOADS_BYTES"])
    assert told == (room or RestSettings().max_uploads_bytes)
    assert int(uploads["emptyDir"]["sizeLimit"]) >= told + MARGIN_BYTES


def test_the_largest_model_has_room() -> None:
    values = {"rest": {"enabled": True, "uploads": {"maxBytes": 2**20}}}

    answer = helm("template", "mlz", str(CHART), values=values)

    assert answer.returncode != 0
    assert "rest.uploads.maxBytes is less than fetch.maxAssetBytes" in answer.stderr


def test_the_registrys_log_in_is_mounted_where_the_facade_looks_for_it() -> None:
    without, pod = facade(), facade(registrySecret="registry-log-in")

    assert "registry" not in {one["name"] for one in without["volumes"]}
    (volume,) = (one for one in pod["volumes"] if one["name"] == "registry")
    (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "registry")
    assert volume["secret"] == {"secretName": "registry-log-in"}
    assert mount["mountPath"] == RestSettings().registry_credentials_folder
    assert mount["readOnly"]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=["chart", "image"])
def test_a_broken_off_push_goes_soon_and_one_that_goes_on_stays(path: Path) -> None:
    storage = yaml.safe_load(path.read_text(encoding="utf-8"))["storage"]

    purging = storage["maintenance"]["uploadpurging"]
    assert purging["enabled"]
    assert not purging["dryrun"]
    assert storage["delete"]["enabled"]
    push = timedelta(seconds=RestSettings().clean_up_seconds)
    assert push < duration(purging["age"]) <= timedelta(hours=2)
    assert duration(purging["interval"]) <= timedelta(minutes=15)
