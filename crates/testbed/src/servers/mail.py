"""A mail server that keeps what it takes, for tests: python mail.py <folder> <control> <starttls> <tls> <plain>, all ports.

It makes itself a root of trust and a certificate, asks for a login on both ports that can be encrypted, and says over HTTP
what came: GET / where it listens, GET /letters?to=… what somebody was sent. How a recipient's name begins says what becomes
of the letter, so that cases share one server: `later-2-…` is put off twice, `never-…` is refused for good.
"""

import asyncio
import json
import ssl
import sys
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"mill", b"flour&water"

folder = Path(sys.argv[1])
control, starttls, tls, plain = map(int, sys.argv[2:6])
letters, put_off = [], {}


def credentials(server, session, envelope, mechanism, data):
    sound = getattr(data, "login", None) == USER and getattr(data, "password", None) == PASSWORD
    return AuthResult(success=sound, handled=False)


class Keeper:
    def __init__(self, port):
        self.port = port

    async def handle_RCPT(self, server, session, envelope, address, options):
        word, _, rest = address.partition("-")
        if word == "never":
            return "550 5.1.1 there is nobody of that name"
        if word == "later":
            tries = put_off[address] = put_off.get(address, 0) + 1
            if tries <= int(rest.partition("-")[0]):
                return "451 4.7.1 come again later"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        message = message_from_bytes(envelope.original_content, policy=policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        letters.append({
            "port": self.port,
            "connection": session.peer[1],
            "envelope": [envelope.mail_from, *envelope.rcpt_tos],
            "headers": [[name, str(value)] for name, value in message.items()],
            "parts": parts,
            "tries": put_off.get(envelope.rcpt_tos[0], 1),
        })
        return "250 taken"


class Control(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        to = parse_qs(url.query).get("to", [""])[0]
        here = {"starttls": starttls, "tls": tls, "plain": plain, "ca": str(folder / "ca.pem")}
        answer = here if url.path == "/" else [one for one in letters if to in one["envelope"][1:]]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


async def main():
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    loop = asyncio.get_running_loop()
    login = {"authenticator": credentials, "auth_required": True}

    def by_starttls():
        return SMTP(Keeper("starttls"), require_starttls=True, tls_context=context, **login)

    def by_tls():
        return SMTP(Keeper("tls"), auth_require_tls=False, **login)

    def unencrypted():
        return SMTP(Keeper("plain"))

    await loop.create_server(by_starttls, "127.0.0.1", starttls)
    await loop.create_server(by_tls, "127.0.0.1", tls, ssl=context)
    await loop.create_server(unencrypted, "127.0.0.1", plain)
    threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", control), Control).serve_forever, daemon=True).start()
    await asyncio.Event().wait()


asyncio.run(main())
