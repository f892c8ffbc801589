"""HTTP authentication, which RTSP shares.

RFC 7617 basic, RFC 7616 digest with MD5 or SHA-256.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence


def challenge_of(headers: Sequence[str]) -> str:
    """The best challenge that we can answer: digest before basic; empty where there is none."""
    challenges = [one.strip() for line in headers for one in re.split(r",\s*(?=[A-Za-z-]+\s+[A-Za-z]+=)", line)]
    for scheme in ("digest", "basic"):
        for one in challenges:
            algorithm = _parameters_of(one).get("algorithm", "MD5").upper().removesuffix("-SESS")
            if one.lower().startswith(scheme) and (scheme == "basic" or algorithm in ("MD5", "SHA-256")):
                return one
    return ""


def authorization(challenge: str, username: str, password: str, *, uri: str, verb: str = "GET") -> str:
    """The Authorization that answers a challenge of `challenge_of`, for a request of that verb and URI."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "basic":
        return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
    return digest_login(_parameters_of(rest), username, password, uri, secrets.token_hex(8), verb=verb)


def digest_login(
    challenge: dict[str, str], username: str, password: str, uri: str, cnonce: str, *, verb: str = "GET"
) -> str:
    """The Authorization that answers a digest challenge (RFC 7616; RFC 2069 where it names no qop)."""
    algorithm = challenge.get("algorithm", "MD5")
    kind = "sha256" if algorithm.upper().startswith("SHA-256") else "md5"

    def hashed(text: str) -> str:
        return hashlib.new(kind, text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
    secret = hashed(f"{username}:{realm}:{password}")
    if algorithm.lower().endswith("-sess"):
        secret = hashed(f"{secret}:{nonce}:{cnonce}")
    request_hash = hashed(f"{verb}:{uri}")
    given = {"username": username, "realm": realm, "nonce": nonce, "uri": uri}
    plain = {"algorithm": algorithm} if "algorithm" in challenge else {}
    if "auth" in [one.strip() for one in challenge.get("qop", "").split(",")]:
        response = hashed(f"{secret}:{nonce}:00000001:{cnonce}:auth:{request_hash}")
        given |= {"cnonce": cnonce}
        plain |= {"qop": "auth", "nc": "00000001"}
    else:
        response = hashed(f"{secret}:{nonce}:{request_hash}")
    given |= {"response": response} | ({"opaque": challenge["opaque"]} if "opaque" in challenge else {})
    quoted = [f'{key}="{_escaped(value)}"' for key, value in given.items()]
    return "Digest " + ", ".join([*quoted, *(f"{key}={value}" for key, value in plain.items())])


def _parameters_of(text: str) -> dict[str, str]:
    found = re.findall(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', text)
    return {key.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain for key, quoted, plain in found}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
