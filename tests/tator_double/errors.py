"""Answers that are no success, as the server gives them."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A JSON error: nearly all of them are 400."""

    def __init__(self, message: str, *, status: int = 400, details: Any = "None") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "details": details}


class ErrorPage(Exception):
    """An HTML page."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.page = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


class Ends(Exception):
    """The connection ends without an answer."""
