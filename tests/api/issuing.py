"""An OpenID Connect issuer on this machine: it signs tokens, tells its keys, and lets whoever comes in as Olga."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "horad-tests"
CLIENT, SECRET = "horad-page", "s3cret-of-the-page"


class Issuer:
    """Runs until it is closed.

    Attributes
    ----------
    asked
        How often its keys were asked for.
    away
        Whether it answers nothing but 503.
    refuses
        The error with which its page sends everybody back.
    identity
        Claims of the ID tokens it gives, where they differ from the usual ones.
    granted
        The scope that its answers name.
    """

    def __init__(self) -> None:
        self.keys: dict[str, RSAKey | ECKey] = {}
        self.asked = 0
        self.away = False
        self.refuses: str | None = None
        self.identity: dict[str, Any] = {}
        self.granted: str | None = None
        self._codes: dict[str, dict[str, str]] = {}
        self.add("first", RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, key: RSAKey | ECKey) -> None:
        self.keys[name] = key

    def document(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            pages = {"authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token"}
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **pages}
        return {"keys": [key.as_dict(private=False) for key in self.keys.values()]}

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        whole = {"iss": self.url, "aud": AUDIENCE, "sub": "olga", "iat": now, "exp": now + 300} | changed
        return {name: value for name, value in whole.items() if value is not None}

    def token(self, kid: str = "first", algorithm: str = "RS256", **changed: Any) -> str:
        return jwt.encode({"alg": algorithm, "kid": kid}, self.claims(**changed), self.keys[kid])

    def let_in(self, asked: dict[str, str]) -> str:
        """Return where the page leads whoever signs in on it."""
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        if self.refuses:
            back = {"state": asked["state"], "error": self.refuses}
        else:
            code = f"code-{len(self._codes)}"
            self._codes[code] = asked
            back = {"state": asked["state"], "code": code}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def give(self, form: dict[str, str], authorization: str | None) -> tuple[int, dict[str, Any]]:
        """Answer a client that hands in a code."""
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        basic = f"Basic {base64.b64encode(f'{CLIENT}:{SECRET}'.encode()).decode()}"
        if authorization != basic:
            return 401, {"error": "invalid_client"}
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        claims = {"aud": CLIENT, "nonce": asked["nonce"]} | self.identity
        given = {"access_token": "opaque", "token_type": "Bearer", "id_token": self.token(**claims)}
        return 200, given | ({"scope": self.granted} if self.granted is not None else {})


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            issuer.asked += address.path == "/jwks"
            if issuer.away:
                self._answer(503, {})
            elif address.path == "/authorize":
                self.send_response(303)
                self.send_header("Location", issuer.let_in(dict(parse_qsl(address.query))))
                self.end_headers()
            else:
                self._answer(200, issuer.document(address.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(*issuer.give(dict(parse_qsl(body)), self.headers.get("Authorization")))

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler
