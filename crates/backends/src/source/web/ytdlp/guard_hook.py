# Run by Python before yt-dlp begins: whatever yt-dlp, or a page that leads it astray, wants, its process connects to
# Reelmill's own proxy and to nothing else, and starts no program but the JavaScript runtime that yt-dlp knows.
import os
import sys


def _keep_to_the_proxy():
    proxy = ("127.0.0.1", int(os.environ["REELMILL_PROXY_PORT"]))
    resolvable = {None, "127.0.0.1", b"127.0.0.1"}
    programs = {"deno"}
    refused = "reelmill: not through the proxy"

    def check_program(program):
        name = os.path.basename(os.fsdecode(program or ""))
        if name not in programs:
            raise FileNotFoundError(2, refused, name)

    def hook(event, arguments):
        if event == "socket.connect":
            if tuple(arguments[1][:2]) != proxy:
                raise PermissionError(refused)
        elif event in ("socket.sendto", "socket.sendmsg"):
            if arguments[-1] is not None:
                raise PermissionError(refused)
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            if arguments[0] not in resolvable:
                raise PermissionError(refused)
        elif event == "subprocess.Popen":
            arguments_or_program = arguments[0] or (arguments[1][0] if arguments[1] else "")
            check_program(arguments_or_program)
        elif event == "os.posix_spawn":
            check_program(arguments[0])
        elif event in ("os.system", "os.exec", "os.spawn", "os.startfile", "pty.spawn"):
            raise PermissionError(refused)

    sys.addaudithook(hook)
    print(os.environ.get("REELMILL_TOKEN", ""), "hooked", file=sys.stderr, flush=True)


_keep_to_the_proxy()
