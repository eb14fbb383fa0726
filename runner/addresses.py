"""Addresses of databases, as a person may see them."""

from __future__ import annotations


def without_password(storage: str) -> str:
    """Returns an address of a database with dots in the place of its password."""
    front, separator, host = storage.rpartition("@")
    scheme, slashes, user = front.partition("://")
    return f"{scheme}{slashes}{user.partition(':')[0]}:...{separator}{host}" if ":" in user else storage
