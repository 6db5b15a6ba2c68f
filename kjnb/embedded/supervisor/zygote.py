"""A warm Python that forks pods, because importing pandas costs a hundred times more than a fork.

It runs as `INTERPRETER zygote.py JOURNAL_FD SOCKET_FD` in the *notebook's* interpreter, which may know nothing of
kjnb, so it needs nothing but the standard library. It is exec'd fresh by the supervisor and holds no user module.
Each request on its socket becomes a fork; the child becomes what `INTERPRETER FILE.py ARGS` would have been and
writes its own birth into the supervisor's journal before a line of the user's code runs. An exit status is sent to
the supervisor before the child is reaped: were the zygote killed in between, the supervisor, as subreaper, would
inherit the zombie with its true status.

What still differs from an exec'd Python: one frame of this file under the user's, modules already in `sys.modules`,
the seed of `hash(str)` (the zygote's, shared by its children), and /proc/self/cmdline.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # the neighbours here have names such as `selectors`

import atexit
import contextlib
import ctypes
import errno
import gc
import importlib.machinery
import importlib.util
import io
import itertools
import json
import os
import select
import signal
import socket
import threading
import time
import types
import warnings
from collections.abc import Iterator
from typing import Any

REQUEST_LIMIT = 60_000  # bytes of one request: a datagram of the socket
CLONE_NEWUTS = 0x04000000
UNSHARE = getattr(ctypes.CDLL(None), "unshare", None)  # found here, once, and not by every child
SIGNAL = getattr(signal.signal, "__wrapped__", signal.signal)  # without the enumerations around it
DESCRIPTORS = os.sysconf("SC_OPEN_MAX")
SCRIPT_LIMIT = 100_000  # bytes of a script that is compiled here
SCRIPTS = 8
TOGETHER = 8  # requests taken at once


def start_time(pid: int | str = "self") -> int:
    """When a process started, in clock ticks since boot: with pid and boot, its identity. 0 if it is gone."""
    try:
        stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return 0
    try:
        return int(os.read(stat, 4096).rsplit(b")", 1)[1].split()[19])
    except (OSError, IndexError):
        return 0
    finally:
        os.close(stat)


def enter(request: dict[str, Any], journal: int) -> bytes:
    """Make this fresh child the pod's process: session, signals, streams, cgroup; return its birth as registered."""
    os.setsid()
    SIGNAL(signal.SIGCHLD, signal.SIG_DFL)
    os.umask(0o022)
    null = os.open("/dev/null", os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)
    if request.get("hostname"):
        name_host(request["hostname"])
    for path in request.get("cgroups", ()):
        with contextlib.suppress(OSError), open(path, "wb", buffering=0) as procs:
            procs.write(b"0")
    os.chdir(request["cwd"])
    name = request.get("name") or json.dumps(request["id"]).encode()
    birth = b'{"born": %b, "pid": %d, "ticks": %d, "at": %.7f}' % (name, os.getpid(), start_time(), time.time())
    if os.write(journal, birth + b"\n") <= len(birth):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "journal")
    return birth


def name_host(hostname: str) -> None:
    """Give the process a hostname of its own where the system allows it, else leave it the machine's."""
    if UNSHARE is not None and UNSHARE(CLONE_NEWUTS) == 0:
        try:
            socket.sethostname(hostname)
        except OSError:
            return


class Zygote:
    """The parent's loop: requests in, births (from the children) and exits (from here) out."""

    def __init__(self, channel: socket.socket, journal: int) -> None:
        self.channel = channel
        self.journal = journal
        self.pid = os.getpid()
        self.wake, self.waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.names: dict[int, str] = {}
        self.environment = dict(os.environ)
        self.compiled: dict[str, tuple[bytes, types.CodeType | None]] = {}

    def serve(self) -> dict[str, Any]:
        """Fork for every request and never return, except in a forked child: with its request."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        poll = select.poll()
        for descriptor in (self.channel.fileno(), self.wake):
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self.wake in ready:
                os.read(self.wake, 4096)
            self.reap()
            if self.channel.fileno() in ready:
                for asked in self.requests():
                    request = self.fork(asked)
                    if request:
                        return request
                    self.reap()

    def requests(self) -> list[dict[str, Any]]:
        """What is asked for by now, prepared before the first fork: after it each page costs anew to write to."""
        found: list[dict[str, Any]] = []
        while len(found) < TOGETHER:
            try:
                data = self.channel.recv(REQUEST_LIMIT + 1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if not data and not found:
                os._exit(0)  # the supervisor has gone, and what it could not adopt is not ours to run
            if not data:
                break
            found.append(self.prepared(json.loads(data)))
        return found

    def fork(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Fork; the child returns its request once it has become the pod, the parent returns None."""
        try:
            pid = os.fork()
        except OSError as error:
            self.tell({"failed": request["id"], "error": f"fork: {error.strerror}"})
            return None
        if pid:
            self.names[pid] = request["id"]
            return None
        signal.set_wakeup_fd(-1)
        self.become(request)
        return request

    def prepared(self, request: dict[str, Any]) -> dict[str, Any]:
        """With what costs a child more to find out: how its environment differs, and its script, compiled."""
        env, own = request["env"], self.environment
        request["unset"] = [name for name in own if name not in env]
        request["set"] = [(name, value) for name, value in env.items() if own.get(name) != value]
        script = os.path.join(request["cwd"], request["argv"][1])
        source, real = read_script(script)
        request["code"] = None if source is None else self.compile(source, script)
        request["name"] = json.dumps(request["id"]).encode()
        request["folder"] = os.path.dirname(real)
        return request

    def compile(self, source: bytes, path: str) -> types.CodeType | None:
        """A script as it is now, compiled and not run; None where the pod has to do it, and to show what is wrong."""
        known = self.compiled.pop(path, None)
        if known is None or known[0] != source:
            known = source, compiled(source, path)
        self.compiled[path] = known
        if len(self.compiled) > SCRIPTS:
            del self.compiled[next(iter(self.compiled))]
        return known[1]

    def become(self, request: dict[str, Any]) -> None:
        """In the child: enter the pod, tell the supervisor, keep nothing of the zygote; a failure ends it."""
        try:
            birth = enter(request, self.journal)
        except OSError as error:
            self.tell({"failed": request["id"], "error": f"{error.strerror}: {error.filename}"})
            os._exit(128)
        if os.getppid() != self.pid:
            os._exit(128)  # the zygote was killed: who looked after it may not have seen this birth
        self.send(birth)
        self.channel.detach()
        os.closerange(3, DESCRIPTORS)

    def reap(self) -> None:
        """Report every ended child, and only then let it go."""
        while self.names:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            name = self.names.pop(ended.si_pid, None)
            if name:
                self.tell({"ended": name, "pid": ended.si_pid, "status": status, "at": time.time()})
            with contextlib.suppress(OSError):  # what its process group left behind, while the number is still its
                os.killpg(ended.si_pid, signal.SIGKILL)
            os.waitpid(ended.si_pid, 0)

    def tell(self, message: dict[str, Any]) -> None:
        """Say something to the supervisor."""
        self.send(json.dumps(message).encode())

    def send(self, message: bytes) -> None:
        """One datagram to the supervisor: whole or not at all, whoever of us sends it."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send(message)


def read_script(path: str) -> tuple[bytes | None, str]:
    """A script's source, None if it cannot be read or is long; and where it really lies."""
    try:
        script = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None, path
    try:
        real = os.readlink(f"/proc/self/fd/{script}")
        source = os.read(script, SCRIPT_LIMIT)
    except OSError:
        return None, os.path.realpath(path)
    finally:
        os.close(script)
    return source if len(source) < SCRIPT_LIMIT else None, real


def compiled(source: bytes, path: str) -> types.CodeType | None:
    """What a script compiles to; None if it does not, or if there is something to warn of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            code = compile(source, path, "exec", dont_inherit=True)
        except Exception:  # noqa: BLE001 - whatever it is, the pod will meet it
            return None
    return None if caught else code


def warming() -> types.ModuleType:
    """The module beside this one that warms up; the neighbours are not on the path."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "warming.py")
    spec = importlib.util.spec_from_file_location("kjnb_warming", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def script_module(path: str, like: dict[str, Any]) -> types.ModuleType:
    """A `__main__` as Python makes it for a script: the names this version gives one, nothing of the zygote."""
    values = {
        "__annotations__": {},
        "__builtins__": sys.modules["builtins"],
        "__cached__": None,
        "__file__": path,
        "__loader__": importlib.machinery.SourceFileLoader("__main__", path),
    }
    main = types.ModuleType("__main__")
    main.__dict__.update({name: value for name, value in values.items() if name in like})
    return main


def settle(request: dict[str, Any], fresh_main: types.ModuleType) -> None:
    """Give the child the environment, arguments, path and random numbers that a new Python would have."""
    argv, environ = request["argv"], os.environ
    for name in request["unset"]:
        del environ[name]
    for name, value in request["set"]:
        environ[name] = value
    sys.argv = argv[1:]
    sys.orig_argv = list(argv)
    sys.path.insert(0, request["folder"])
    sys.modules["__main__"] = fresh_main
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:  # `random` sees to itself after a fork
        numpy_random.set_state(("MT19937", memoryview(os.urandom(4 * 624)).cast("I"), 624))


def script_code(request: dict[str, Any], path: str) -> types.CodeType:
    """The script, compiled; where it cannot be read or is not Python, become the real Python and let it say so."""
    try:
        with open(path, "rb") as file:
            return compile(file.read(), path, "exec", dont_inherit=True)
    except Exception:  # noqa: BLE001 - no words of ours would be just its own
        os.execve(request["path"], request["argv"], request["env"])  # noqa: S606 - no shell is wanted


def failed(error: BaseException, skip: int) -> int:
    """Report what ended the script as the interpreter does; return the exit status."""
    for stream in (sys.stderr, sys.stdout):  # what was printed stands before the traceback
        with contextlib.suppress(Exception):
            stream.flush()
    if isinstance(error, SystemExit):
        return _exit_status(error.code)
    trace = error.__traceback__
    for _ in range(skip):
        trace = trace.tb_next if trace else None
    error.__traceback__ = trace
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, trace)
    except SystemExit as leaving:
        return _exit_status(leaving.code)
    except BaseException as second:  # noqa: BLE001 - as the interpreter: both are shown, the exit code is 1
        sys.stderr.write("Error in sys.excepthook:\n")
        sys.__excepthook__(type(second), second, second.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, trace)
    return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(2**31) <= code < 2**31 else 255
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    print(code, file=sys.stderr)  # noqa: T201 - what the interpreter does with sys.exit("sentence")
    return 1


def finish(status: int, warm_modules: int) -> None:
    """End as the interpreter would: threads, atexit, streams, the objects of the user's modules; then leave at once.

    A full finalisation would touch, and so copy, every page that the zygote shares.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    lost = not _flush()
    _drop_user_objects(warm_modules)
    lost = not _flush() or lost
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(120 if lost else status)


def _flush() -> bool:
    """Flush both streams; False if what was printed could not be written."""
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"Exception ignored on flushing sys.stdout:\n{type(error).__name__}: {error}\n")
        sys.stdout = io.StringIO()
        return False
    with contextlib.suppress(Exception):
        sys.stderr.flush()
    return True


def _drop_user_objects(warm_modules: int) -> None:
    """Let go of what came after the fork, so that files are closed and finalisers run; newest module first."""
    fresh = list(itertools.islice(reversed(sys.modules), max(0, len(sys.modules) - warm_modules)))
    spaces = [vars(module) for name in fresh if isinstance(module := sys.modules.get(name), types.ModuleType)]
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            setattr(sys, name, None)
    for space in [*spaces, vars(sys.modules["__main__"])]:
        for key in [key for key in space if key != "__builtins__"]:
            space[key] = None
    gc.collect()


def watched() -> Iterator[str]:
    """The folders and files whose change means that another set of distributions is installed."""
    yield sys.executable
    yield os.path.join(sys.prefix, "pyvenv.cfg")
    yield from (os.path.abspath(entry) for entry in sys.path)


def main() -> dict[str, Any]:
    """Warm up, say so, then fork for ever; return in a child."""
    journal, descriptor = int(sys.argv[1]), int(sys.argv[2])
    for inherited in (journal, descriptor):
        os.set_inheritable(inherited, False)
    zygote = Zygote(socket.socket(fileno=descriptor), journal)
    paths = list(watched())
    found = warming().warm()
    zygote.tell({"ready": found, "watch": paths, "version": sys.version})
    return zygote.serve()


if __name__ == "__main__":
    _request = main()
    _warm = len(sys.modules)
    _path = os.path.join(_request["cwd"], _request["argv"][1])
    _code = _request["code"] or script_code(_request, _path)
    _main = script_module(_path, globals())
    settle(_request, _main)
    _status = 0
    try:
        exec(_code, _main.__dict__)  # noqa: S102 - this is what a Python is for
    except BaseException as _error:  # noqa: BLE001 - the interpreter's own last handler
        _status = failed(_error, skip=1)
    finish(_status, _warm)
