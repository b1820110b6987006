"""The session cookie.

It is `__Host-chargehand`: Secure, no Domain, Path=/, so no other host or subdomain can set or read it. So it is over
https; and over plain http on a loopback name when the client says that it can take it (`host_cookie`): a program and
Safari do not take a Secure cookie there (docs/decisions/0070) and get `chargehand`, without Secure. Over plain http
from anywhere else there is no cookie and no sign-in.
"""

from __future__ import annotations

import ipaddress

from starlette.requests import Request
from starlette.responses import Response

from chargehand.errors import Forbidden

SECURE_NAME = "__Host-chargehand"
LOOPBACK_NAME = "chargehand"


def is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def cookie_secret(request: Request) -> str | None:
    """The secret that the request's cookie carries. Over https only the prefixed name counts: it can't be planted."""
    secret = request.cookies.get(SECURE_NAME)
    return secret if secret or is_secure(request) else request.cookies.get(LOOPBACK_NAME)


def refuse_plain_http(request: Request) -> None:
    """Raises Forbidden where a password or cookie would cross a network in the clear."""
    if not is_secure(request) and not is_loopback(request.url.hostname or ""):
        raise Forbidden(
            f"Signing in at http://{request.url.hostname} would send the password in the clear.",
            way_out="Use https, or http://localhost on the machine itself.",
        )


def set_cookie(request: Request, response: Response, secret: str, *, host_cookie: bool = False) -> None:
    """Set it by the best name that the client takes; an older one under the other name goes."""
    prefixed = is_secure(request) or host_cookie
    name, other = (SECURE_NAME, LOOPBACK_NAME) if prefixed else (LOOPBACK_NAME, SECURE_NAME)
    response.set_cookie(name, secret, path="/", secure=prefixed, httponly=True, samesite="strict")
    if other in request.cookies:
        _expire(response, other)


def clear_cookie(request: Request, response: Response) -> None:
    """Make the browser forget it, under whichever name it has it."""
    for name in (SECURE_NAME, LOOPBACK_NAME):
        if name in request.cookies:
            _expire(response, name)


def _expire(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=name == SECURE_NAME, httponly=True, samesite="strict")
