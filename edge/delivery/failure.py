"""Why nothing is delivered: a cause from a fixed list, for machines, and a sentence, for people."""

import socket
import ssl
from dataclasses import dataclass
from typing import Literal, get_args

Cause = Literal[
    "disk",  # the outbox cannot be used
    "name-not-found",  # the broker's host name has no address
    "unreachable",  # nobody answers there
    "certificate-date",  # the broker's certificate has expired, or is not valid yet
    "certificate-name",  # it belongs to another host
    "certificate-authority",  # nobody whom we trust has signed it
    "tls",  # the handshake fails for another reason
    "credentials",  # user name, password or certificate of the device
    "protocol",  # the broker does not speak MQTT 5
    "rejected",  # the broker turns the connection away for another reason
    "taken-over",  # another client uses our name
    "refused",  # the broker refuses some messages: ACL, quota
    "too-large",  # the broker takes no packet of this size
    "silent",  # the broker answers no more
    "lost",  # the connection broke
    "error",  # an error of our own
]
CAUSES: tuple[Cause, ...] = get_args(Cause)
_DATES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_AUTHORITIES = (2, 18, 19, 20, 21)  # issuer unknown, self-signed, chain not complete
_NAMES = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_REFUSALS: dict[int, tuple[Cause, str]] = {
    0x84: ("protocol", "; it does not speak MQTT 5 (3.1.1 only?), which is needed"),
    0x86: ("credentials", ""),
    0x87: ("credentials", "; are user name and password right?"),
    0x8C: ("credentials", ""),
}
CLOSED = (
    "closed the connection without an answer: does it speak MQTT 5 (3.1.1 is not enough),"
    " and are the user name and the password right?"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why entries are not delivered."""

    cause: Cause
    sentence: str


def refusal_of(broker: str, code: int, words: str) -> Failure:
    """Of a CONNACK with this reason code, which is called `words`."""
    cause, hint = _REFUSALS.get(code, ("rejected", ""))
    return Failure(cause, f"{broker} refused the connection: {words}{hint}")


def failure_of(broker: str, error: OSError) -> Failure:
    """Of a connection that could not be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_failure(broker, error)
    if isinstance(error, ssl.SSLError):
        return Failure("tls", f"{broker} failed the TLS handshake: {error.reason or error}; is it a port with TLS?")
    if isinstance(error, socket.gaierror):
        return Failure(
            "name-not-found", f"{broker} has no address: {error.strerror}; is the name right, and DNS there?"
        )
    return Failure("unreachable", f"{broker} cannot be reached: {error.strerror or error}")


def _certificate_failure(broker: str, error: ssl.SSLCertVerificationError) -> Failure:
    if error.verify_code in _DATES:
        return Failure("certificate-date", f"{broker}: {error.verify_message}; is the clock of this device right?")
    if error.verify_code in _NAMES:
        return Failure("certificate-name", f"{broker}: its certificate is another host's: {error.verify_message}")
    if error.verify_code in _AUTHORITIES:
        return Failure(
            "certificate-authority",
            f"{broker}: no authority that this device trusts has signed its certificate ({error.verify_message});"
            " mqtt.ca_file names one",
        )
    return Failure("tls", f"{broker} failed the TLS handshake: {error.verify_message}")
