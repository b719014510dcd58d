"""An issuer of OpenID Connect that signs one person in without asking: authorization code flow, RS256."""

from __future__ import annotations

import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


@contextmanager
def issuer(host: str, email: str, certificate: Path, key_file: Path) -> Iterator[str]:
    """An issuer at this address of the machine; gives its name, which is its URL."""
    key = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"})
    asked: dict[str, dict[str, str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/.well-known/openid-configuration":
                self._say(metadata(name))
            elif parts.path == "/jwks":
                self._say({"keys": [key.as_dict(private=False)]})
            else:
                given = {name: values[0] for name, values in parse_qs(parts.query).items()}
                code = secrets.token_urlsafe(16)
                asked[code] = given
                back = urlencode({"code": code, "state": given["state"], "iss": name})
                self.send_response(302)
                self.send_header("Location", f"{given['redirect_uri']}?{back}")
                self.end_headers()

        def do_POST(self) -> None:
            body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            given = asked.pop(body["code"][0])
            now = int(time.time())
            claims = {
                "iss": name,
                "sub": "1",
                "aud": given["client_id"],
                "iat": now,
                "exp": now + 300,
                "nonce": given["nonce"],
                "email": email,
            }
            token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
            self._say({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token})

        def _say(self, document: Any) -> None:
            content = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key_file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    name = f"https://{host}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield name
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def metadata(name: str) -> dict[str, Any]:
    """What an issuer says of itself."""
    return {
        "issuer": name,
        "authorization_endpoint": f"{name}/authorize",
        "token_endpoint": f"{name}/token",
        "jwks_uri": f"{name}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }
