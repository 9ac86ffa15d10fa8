"""A program that calls the API with a key, and keeps to what the document says."""

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app.auth.models import User
from app.orgs.models import Org
from tests.factories import orgs
from tests.support.client import Client


class Program:
    """A client without cookies that shows one key."""

    def __init__(self, app: Flask, org: Org, user: User, **values: Any) -> None:
        self.client: Client = app.test_client()  # type: ignore[assignment]
        self.key, self.secret = orgs.api_key(org, user, **values)

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> TestResponse:
        """Send a request with the key."""
        headers = {"Authorization": f"Bearer {self.secret}", **options.pop("headers", {})}
        if json is not None:
            options["json"] = json
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("PATCH", path, json, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)
