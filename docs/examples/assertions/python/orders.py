"""An API behind JitGrains that serves nobody but the gateway: it wants a signed assertion with every call.

pip install pyjwt cryptography; JIT_JWKS=http://gateway:8080/.jit/jwks python3 orders.py
"""
import base64
import hashlib
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

# Fetches the keys, keeps them, and fetches them again when it meets a key id that it does not know.
keys = jwt.PyJWKClient(os.environ["JIT_JWKS"])


def sha256(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def verify(token: str, line: str, body: bytes) -> dict:
    if jwt.get_unverified_header(token).get("typ") != "jit-assertion+jwt":
        raise jwt.InvalidTokenError("not an assertion")
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["ES256"],
        issuer="jitgrains",
        audience="orders",  # the API's name in the policy
        options={"require": ["exp", "iat", "iss", "aud", "sub", "request_digest"]},
        leeway=5,
    )
    # It is for this call and no other.
    digest = claims["request_digest"]
    if digest["line"] != sha256(line.encode("latin-1")):
        raise jwt.InvalidTokenError("another request")
    if "body" in digest and digest["body"] != sha256(body):
        raise jwt.InvalidTokenError("another body")
    return claims


class Orders(BaseHTTPRequestHandler):
    def handle_call(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            claims = verify(self.headers.get("Jit-Assertion", ""), f"{self.command} {self.path}", body)
            status, answer = 200, {name: claims.get(name) for name in ("sub", "act", "action", "approvers")}
        except jwt.PyJWTError as error:
            status, answer = 401, {"error": str(error)}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = handle_call

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8082"))), Orders)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
