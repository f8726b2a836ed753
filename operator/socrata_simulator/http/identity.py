"""Who asks, and whether they may: app tokens, accounts, private datasets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from socrata_simulator import refusals
from socrata_simulator.http.asked import Asked
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.interfaces import SODA3
from socrata_simulator.portal.portal import Portal


def account(portal: Portal, asked: Asked, headers: Mapping[str, str]) -> str | None:
    """The account that signed in; None if none did.

    Raises ``Refused`` for an unknown app token, for a wrong password, and for a request of SODA3 with
    neither token nor account where the portal wants one.
    """
    token = headers.get("X-App-Token") or asked.app_token
    if token and token not in portal.app_tokens:
        raise refusals.invalid_app_token()
    user = _signed_in(portal, headers.get("Authorization") or "")
    if asked.interface == SODA3 and portal.soda3 == "WantsToken" and not (token or user):
        raise refusals.app_token_wanted(portal.unidentified_status)
    return user


def _signed_in(portal: Portal, authorization: str) -> str | None:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise refusals.wrong_credentials() from None
    if portal.accounts.get(user) != password:
        raise refusals.wrong_credentials()
    return user


def dataset(portal: Portal, asked: Asked, account: str | None) -> Dataset:
    """The dataset that is asked for. Raises ``Refused`` where there is none, or not for this account."""
    found = portal.datasets.get(asked.dataset)
    is_view = asked.kind == "metadata"
    if found is None or found.is_missing or (is_view and not found.has_view):
        raise refusals.view_missing(asked.dataset) if is_view else refusals.dataset_missing()
    if found.is_private and account is None:
        raise refusals.private(signed_in=False)
    return found
