"""Why a camera cannot be opened: OpenCV does not say, so the network and the camera are queried.

No text of it holds a password.
"""

import os
import re
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edge.vision.login import authorization, challenge_of

TIMEOUT_S = 2.5  # for everything that is asked
_ANSWER_BYTES = 16_384
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


def why_no_stream(address: str, username: str, password: str) -> str:
    """Why nothing comes from the stream at this URL; user name and password may stand in it instead.

    The camera is asked for a description (RTSP) or the stream itself (HTTP), with the password if it wants one.
    """
    try:
        place = _place_of(address, username, password)
    except ValueError:
        return "its address is none"
    try:
        answer = _ask(place)
        if answer.code == 401 and (place.username or place.password):
            request = {"verb": "DESCRIBE", "uri": place.url} if place.is_rtsp else {"verb": "GET", "uri": place.target}
            challenge = challenge_of(answer.challenges) or "Basic"
            answer = _ask(place, authorization(challenge, place.username, place.password, **request))
    except (OSError, ValueError) as error:
        return _fault(error, place)
    return _words_of(answer, place)


def why_no_device(path: str) -> str:
    """Why the V4L2 device at this path gives no pictures."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except FileNotFoundError:
        there = sorted(str(one) for one in Path("/dev").glob("video*"))
        return f"it is not there; {'there are ' + ', '.join(there) if there else 'no camera is plugged in'}"
    except PermissionError:
        return "this user may not open it; is it in the group video?"
    except OSError as error:
        return str(error.strerror)
    return "it gives no pictures; does another program use it, or has the camera another number?"


@dataclass(frozen=True, slots=True)
class _Place:
    scheme: str
    host: str
    port: int
    url: str  # without user name and password
    target: str  # its path and query
    username: str
    password: str

    @property
    def is_rtsp(self) -> bool:
        return self.scheme.startswith("rtsp")

    @property
    def at(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    reason: str
    challenges: tuple[str, ...]


def _place_of(address: str, username: str, password: str) -> _Place:
    scheme, _, rest = address.partition("://")
    scheme = scheme.lower()
    before, at, _ = rest.rpartition("@")  # to the last @, as FFmpeg does
    if at:
        rest = rest[len(before) + 1 :]
        if not username:
            name, _, word = before.partition(":")
            username, password = unquote(name), unquote(word)
    parts = urlsplit(f"{scheme}://{rest}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    url = f"{scheme}://{parts.netloc}{target}"
    return _Place(scheme, parts.hostname or "", parts.port or _PORTS[scheme], url, target, username, password)


def _ask(place: _Place, authorization: str = "") -> _Answer:
    """One request on a connection of its own; OSError or ValueError where nobody gives an answer that can be read."""
    until_s = time.monotonic() + TIMEOUT_S / 2
    with socket.create_connection((place.host, place.port), timeout=TIMEOUT_S / 2) as plain:
        connection = plain
        if place.scheme in {"rtsps", "https"}:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # FFmpeg does not verify cameras either
            connection = context.wrap_socket(plain, server_hostname=place.host)
        if place.is_rtsp:
            request = [f"DESCRIBE {place.url} RTSP/1.0", "CSeq: 1", "Accept: application/sdp"]
        else:
            request = [f"GET {place.target} HTTP/1.1", f"Host: {place.at}", "Connection: close"]
        if authorization:
            request.append(f"Authorization: {authorization}")
        connection.sendall("\r\n".join([*request, "", ""]).encode())
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < _ANSWER_BYTES:
            connection.settimeout(max(0.01, until_s - time.monotonic()))
            part = connection.recv(4096)
            if not part:
                break
            answer += part
    first, *others = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    found = re.match(r"(?:RTSP|HTTP)/\d\.\d (\d{3}) ?(.{0,60})", first)
    if found is None:
        raise ValueError("no answer of RTSP or HTTP")
    challenges = [line.partition(":")[2].strip() for line in others if line.lower().startswith("www-authenticate:")]
    return _Answer(int(found[1]), found[2], tuple(challenges))


def _fault(error: OSError | ValueError, place: _Place) -> str:
    if isinstance(error, ssl.SSLError):
        return f"{place.at} failed the TLS handshake: {error.reason or 'not TLS'}; is it rtsp:// or http://?"
    if isinstance(error, socket.gaierror):
        return f"{place.host} has no address: {error.strerror}; is the name right, and DNS there?"
    if isinstance(error, ConnectionRefusedError):
        return f"{place.at} refuses the connection: nothing listens there; is the port right, and the camera on?"
    if isinstance(error, TimeoutError):
        return f"{place.at} does not answer; is the address right, and the camera on and in the same network?"
    if isinstance(error, OSError):
        return f"{place.at} cannot be asked: {error.strerror or error}"
    return f"{place.at} answers in no language that a camera speaks"


def _words_of(answer: _Answer, place: _Place) -> str:
    if answer.code in {401, 403} and place.username:
        return f"{place.at} refuses the user name or the password ({answer.code} {answer.reason})"
    if answer.code in {401, 403}:
        return f"{place.at} wants a user name and a password ({answer.code} {answer.reason})"
    if answer.code in {404, 454}:
        return f"{place.at} answers, and has nothing at this path ({answer.code} {answer.reason})"
    if answer.code == 200:
        return f"{place.at} answers, but what it sends is no video that can be read"
    return f"{place.at} answers {answer.code} {answer.reason}"
