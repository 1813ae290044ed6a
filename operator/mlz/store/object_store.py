"""
Assets in S3, Google Cloud Storage and Azure Blob Storage.

obstore knows the providers: endpoints, keys, signatures. It signs one GET; our own transport sends
it, so that address checks, limits, ranges and errors are the same for every kind of store. Without
credentials the object is asked for anonymously: instance metadata services are never asked for any.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlz.errors import Reason, RejectedError
from mlz.store.credentials import Credentials
from mlz.store.http import HttpSource
from mlz.store.source import Source
from mlz.store.uri import AssetUri, Scheme
from mlz.store.web import Redirects, Request, Web, follow

if TYPE_CHECKING:
    from obstore import SignCapableStore
    from obstore.store import AzureConfig, S3Config

S3_KEYS = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
    "AWS_REGION": "region",
    "AWS_DEFAULT_REGION": "region",
    "AWS_ENDPOINT_URL": "endpoint",
    "AWS_ENDPOINT_URL_S3": "endpoint",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "virtual_hosted_style_request",
}
GS_KEYS = {
    "GOOGLE_SERVICE_ACCOUNT_KEY": "service_account_key",
    "service-account.json": "service_account_key",
    "GOOGLE_BASE_URL": "base_url",
}
AZ_KEYS = {
    "AZURE_STORAGE_ACCOUNT_NAME": "account_name",
    "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
    "AZURE_STORAGE_SAS_TOKEN": "sas_token",
    "AZURE_STORAGE_ENDPOINT": "endpoint",
}
_KEYS = {Scheme.S3: S3_KEYS, Scheme.GS: GS_KEYS, Scheme.AZ: AZ_KEYS}
Options = Mapping[str, str]


def open_object(uri: AssetUri, web: Web, credentials: Credentials, valid_seconds: float) -> Source:
    """
    The source of an s3, gs or az URI.

    Args:
        uri: bucket or container, and key.
        web: opens connections.
        credentials: the keys of the provider's own tools (``S3_KEYS``, ``GS_KEYS``, ``AZ_KEYS``).
        valid_seconds: how long the signature must hold: the whole download, retries included.

    Raises:
        RejectedError: CredentialsNotFound; what is there does not suffice or is malformed.
    """
    known = _KEYS[uri.scheme]
    credentials.require(tuple(known), f"{uri.scheme}://")
    options = {
        known[key]: value.strip()
        for key, value in credentials.values.items()
        if key in known and value.strip()
    }
    builder = {Scheme.S3: _s3_url, Scheme.GS: _gs_url, Scheme.AZ: _az_url}[uri.scheme]
    url = builder(uri, options, timedelta(seconds=min(valid_seconds, 7 * 24 * 3600)))
    request = Request(url, uri.shown)
    return HttpSource(request, lambda wanted: follow(web, wanted, Redirects()))


def _s3_url(uri: AssetUri, options: Options, valid: timedelta) -> str:
    if "access_key_id" not in options:
        region = options.get("region", "us-east-1")
        endpoint = options.get("endpoint", f"https://s3.{region}.amazonaws.com")
        return f"{endpoint.rstrip('/')}/{uri.host}/{quote(uri.path)}"

    def store() -> "SignCapableStore":
        from obstore.store import S3Store

        hosted = options.get("virtual_hosted_style_request", "").lower() == "true"
        config: S3Config = {"region": options.get("region", "us-east-1")}
        config["access_key_id"] = options["access_key_id"]
        config["secret_access_key"] = options["secret_access_key"]
        config["virtual_hosted_style_request"] = hosted
        if "session_token" in options:
            config["session_token"] = options["session_token"]
        if "endpoint" in options:
            config["endpoint"] = options["endpoint"]
        return S3Store(uri.host, config=config, client_options={"allow_http": True})

    return _signed(uri, store, valid)


def _gs_url(uri: AssetUri, options: Options, valid: timedelta) -> str:
    base = options.get("base_url", "https://storage.googleapis.com").rstrip("/")
    if "service_account_key" not in options:
        return f"{base}/{uri.host}/{quote(uri.path)}"

    def store() -> "SignCapableStore":
        from obstore.store import GCSStore

        key = json.loads(options["service_account_key"])
        # Only what signing needs: other fields could send the library's requests elsewhere.
        names = ("type", "client_email", "private_key", "private_key_id", "token_uri")
        if not all(isinstance(key.get(name), str) and key[name] for name in names[:3]):
            raise ValueError("the key file has no type, client_email or private_key")
        text = json.dumps({name: key[name] for name in names if name in key})
        return GCSStore(uri.host, service_account_key=text)

    return _signed(uri, store, valid)


def _az_url(uri: AssetUri, options: Options, valid: timedelta) -> str:
    account = options.get("account_name", "")
    if not account:
        raise RejectedError(
            Reason.CREDENTIALS_NOT_FOUND,
            f"{uri.shown}: az:// needs AZURE_STORAGE_ACCOUNT_NAME in the Secret",
        )
    endpoint = options.get("endpoint", f"https://{account}.blob.core.windows.net").rstrip("/")
    if "account_key" not in options:
        token = options.get("sas_token", "").removeprefix("?")
        return f"{endpoint}/{uri.host}/{quote(uri.path)}" + (f"?{token}" if token else "")

    def store() -> "SignCapableStore":
        from obstore.store import AzureStore

        config: AzureConfig = {"account_name": account, "account_key": options["account_key"]}
        if "endpoint" in options:
            config["endpoint"] = options["endpoint"]
        return AzureStore(uri.host, config=config, client_options={"allow_http": True})

    return _signed(uri, store, valid)


def _signed(uri: AssetUri, store: "Callable[[], SignCapableStore]", valid: timedelta) -> str:
    """A signed URL; made on this machine, no provider is asked."""
    from obstore import sign
    from obstore.exceptions import BaseError

    try:
        return sign(store(), "GET", uri.path, valid)
    except (BaseError, ValueError, KeyError, TypeError, AttributeError) as error:
        # The library's words may hold parts of the key, so they are not repeated.
        raise RejectedError(
            Reason.CREDENTIALS_NOT_FOUND,
            f"{uri.shown}: the keys of the Secret do not make a signature "
            f"({type(error).__name__}); wanted {', '.join(_KEYS[uri.scheme])}",
        ) from None
