# ruff: noqa: SIM115
"""Prints what a process can know of itself; run by tests in pods, where it must not matter how they began."""

import json
import os
import resource
import signal
import sys
import threading

main = sys.modules["__main__"]
facts = {
    "argv": sys.argv,
    "orig_argv": sys.orig_argv,
    "executable": sys.executable,
    "flags": repr(sys.flags),
    "path": sys.path,
    "main": {name: type(value).__name__ for name, value in sorted(vars(main).items()) if name.startswith("__")},
    "file": __file__,
    "name": __name__,
    "spec": repr(__spec__),
    "loader": __loader__.path,
    "cwd": os.getcwd(),
    "env": dict(sorted(os.environ.items())),
    "umask": os.umask(0),
    "signals": {s.name: str(signal.getsignal(s)).split(" at 0x")[0] for s in signal.Signals},
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "wakeup": signal.set_wakeup_fd(-1),
    "descriptors": {
        n: os.readlink(f"/proc/self/fd/{n}") for n in sorted(map(int, os.listdir("/proc/self/fd"))) if n < 3
    },
    "others": [n for n in map(int, os.listdir("/proc/self/fd")) if n > 3],  # 3 is the listing itself
    "descriptor flags": [
        next(line for line in open(f"/proc/self/fdinfo/{n}") if line.startswith("flags")) for n in range(3)
    ],
    "leader": [os.getpid() == os.getpgid(0), os.getpid() == os.getsid(0)],
    "comm": open("/proc/self/comm").read(),
    "threads": [t.name for t in threading.enumerate()],
    "main thread": threading.current_thread() is threading.main_thread(),
    "streams": [
        (s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty())
        for s in (sys.stdin, sys.stdout, sys.stderr)
    ],
    "limits": [
        resource.getrlimit(getattr(resource, n)) for n in ("RLIMIT_AS", "RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_NPROC")
    ],
    "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
    "nice": os.nice(0),
    "born of a zygote": b"zygote.py" in open("/proc/self/cmdline", "rb").read(),  # the one fact that may differ
}
print(json.dumps(facts))
