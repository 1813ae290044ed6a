"""Settings: one variable a field, read once, every bad one named."""

import pytest
from pydantic import ValidationError

from builders import some_defaults
from mlz.errors import RejectedError
from mlz.model.asset import EngineType, Provider
from mlz.settings import (
    Defaults,
    EngineSettings,
    FetchSettings,
    OperatorSettings,
    Settings,
)

ALL = (FetchSettings, EngineSettings, OperatorSettings)
NEEDED = {"MLZ_ASSET_URI": "https://host/m"}


def test_a_chart_without_a_word_on_tokens_wants_none() -> None:
    found = some_defaults().authentication

    assert (found.mode, found.facade) == ("None", None)


def test_the_chart_says_where_the_facade_has_its_keys() -> None:
    facade = {"issuer": "https://rest", "keysUrl": "https://rest/auth/jwks.json"}

    found = some_defaults(authentication={"mode": "Required", "facade": facade}).authentication

    assert found.mode == "Required"
    assert found.facade is not None
    assert (found.facade.keys_url, found.facade.authorities_file) == (facade["keysUrl"], "")


@pytest.mark.parametrize("word", ["required", "none", "Off", "0"])
def test_only_two_words_say_whether_a_score_needs_a_token(word: str) -> None:
    """A typo must not open the door."""
    with pytest.raises(RejectedError, match="MLZ_AUTHENTICATION: "):
        EngineSettings.from_environment({"MLZ_AUTHENTICATION": word})
    with pytest.raises(ValidationError):
        some_defaults(authentication={"mode": word})


def test_what_is_not_given_has_a_default() -> None:
    found = OperatorSettings.from_environment({})

    assert found == OperatorSettings()
    assert found.workers == 8


def test_a_variable_is_a_field_in_capitals() -> None:
    environment = {"MLZ_WORKERS": "3", "MLZ_AUDIT_INTERVAL_SECONDS": "0.5", "OTHER": "x"}

    found = OperatorSettings.from_environment(environment)

    assert (found.workers, found.audit_interval_seconds) == (3, 0.5)


def test_an_empty_variable_is_one_that_is_not_given() -> None:
    assert OperatorSettings.from_environment({"MLZ_WORKERS": ""}).workers == 8


def test_a_variable_of_another_process_is_no_matter() -> None:
    assert EngineSettings.from_environment({"MLZ_WORKERS": "many"}) == EngineSettings()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        pytest.param({"MLZ_WORKERS": "many"}, "MLZ_WORKERS: Input should be", id="no number"),
        pytest.param({"MLZ_WORKERS": "0"}, "MLZ_WORKERS: Input should be gr", id="out of range"),
        pytest.param({"MLZ_METRICS_PORT": "99999"}, "MLZ_METRICS_PORT: ", id="no port"),
        pytest.param({"MLZ_LOG_LEVEL": "loud"}, "MLZ_LOG_LEVEL: ", id="no level"),
    ],
)
def test_a_bad_variable_is_named(environment: dict[str, str], words: str) -> None:
    with pytest.raises(RejectedError, match="bad settings: ") as caught:
        OperatorSettings.from_environment(environment)

    assert words in caught.value.message


def test_every_bad_variable_is_named() -> None:
    environment = {"MLZ_WORKERS": "many", "MLZ_HEALTH_PORT": "x"}

    with pytest.raises(RejectedError) as caught:
        OperatorSettings.from_environment(environment)

    assert "MLZ_WORKERS: " in caught.value.message
    assert "MLZ_HEALTH_PORT: " in caught.value.message


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(RejectedError, match="MLZ_ASSET_URI: Field required"):
        FetchSettings.from_environment({})


@pytest.mark.parametrize("settings", ALL)
def test_every_field_is_described(settings: type[Settings]) -> None:
    assert [name for name, one in settings.model_fields.items() if not one.description] == []


@pytest.mark.parametrize("settings", ALL)
def test_settings_do_not_change_once_read(settings: type[Settings]) -> None:
    found = settings.from_environment(NEEDED)

    with pytest.raises(ValueError, match="frozen"):
        found.log_level = "DEBUG"


@pytest.mark.parametrize(
    ("engine", "provider", "image"),
    [
        pytest.param("onnx", Provider.CPU, "localhost/engine-onnx:1", id="the engine's"),
        pytest.param("onnx", Provider.ZAIU, "zaiu:1", id="the variant's"),
        pytest.param("onnx", Provider.TELUM2, "localhost/engine-onnx:1", id="else the engine's"),
        pytest.param("xgboost", Provider.CPU, "", id="none where the chart has none"),
    ],
)
def test_the_image_of_an_engine(engine: str, provider: Provider, image: str) -> None:
    defaults = some_defaults(
        engines={
            "onnx": {
                "image": "localhost/engine-onnx:1",
                "providers": {"zaiu": {"image": "zaiu:1"}, "telum2": {"image": ""}},
            }
        }
    )

    assert defaults.image(EngineType(engine), provider) == image


def test_defaults_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ValueError, match="engine"):
        Defaults.model_validate({"engine": {}})
