"""A receiver of webhooks, for tests: python webhooks.py.

It says its port on its first line of output, and then, for each request, a line of JSON with what came and what Standard
Webhooks' own library makes of it. Lines of input tell it a secret (`secret whsec_…`), or what to answer next (`answer 500`);
it answers 204 otherwise.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

secrets, answers = [], []


def verifies(secret, body, headers):
    try:
        return Webhook(secret).verify(body, headers) == json.loads(body)
    except WebhookVerificationError:
        return False


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = answers.pop(0) if answers else 204
        heard = {
            "path": self.path,
            "headers": headers,
            "body": json.loads(body),
            "sound": [verifies(secret, body, headers) for secret in secrets],
            "altered": [verifies(secret, body.replace(b"job.", b"jot."), headers) for secret in secrets],
            "answer": status,
        }
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()
        print(json.dumps(heard), flush=True)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "secret":
        secrets.append(rest)
    elif word == "answer":
        answers.append(int(rest))
    print("\"noted\"", flush=True)
