"""Whether a program on this machine says that it is well."""

import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 2.0


def answers(url: str) -> bool:
    """Whether a GET on a loopback URL is answered 200; certificates are not checked."""
    place = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection(place.netloc, timeout=TIMEOUT_SECONDS, context=context)
        if place.scheme == "https"
        else http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_SECONDS)
    )
    try:
        connection.request("GET", place.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(path: Path) -> bool:
    """Whether somebody accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_SECONDS)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
