"""The session cookie.

Over https it is `__Host-chargehand`: Secure, no Domain, Path=/, so no other host or subdomain can set or read it. Over
plain http on a loopback name it is `chargehand` without Secure, because not every browser takes a Secure cookie there
(docs/decisions/0070). Over plain http from anywhere else there is no cookie and no sign-in.
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


def cookie_name(request: Request) -> str:
    return SECURE_NAME if is_secure(request) else LOOPBACK_NAME


def refuse_plain_http(request: Request) -> None:
    """Raises Forbidden where a password or cookie would cross a network in the clear."""
    if not is_secure(request) and not is_loopback(request.url.hostname or ""):
        raise Forbidden(
            f"Signing in at http://{request.url.hostname} would send the password in the clear.",
            way_out="Use https, or http://localhost on the machine itself.",
        )


def set_cookie(request: Request, response: Response, secret: str) -> None:
    response.set_cookie(
        cookie_name(request), secret, path="/", secure=is_secure(request), httponly=True, samesite="strict"
    )


def clear_cookie(request: Request, response: Response) -> None:
    response.delete_cookie(cookie_name(request), path="/", secure=is_secure(request), httponly=True, samesite="strict")
