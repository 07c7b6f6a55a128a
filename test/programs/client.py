"""A Python program that uses a cxl device file, one scenario per run, and says what it saw.

    python3 client.py FILE SCENARIO [N]

Each way to wait that Python has, until N events (default 1) were read: `read`, `select`, `poll`, `epoll`, `epollet`
(edge-triggered, drained at each wake) and `asyncio` (loop.add_reader). One line per observation: `started`,
`poll POLLIN|POLLRDNORM`, `event HEX` with every byte that read(2) gave, `read -1 EIO`. An error ends the scenario, with
exit status 0; only what is no business of the device file exits otherwise. It knows nothing of who serves the file.
"""

import asyncio
import errno
import fcntl
import os
import platform
import select
import signal
import struct
import sys

START_WORK = 0x8040CA00 if platform.machine().startswith("ppc") else 0x4040CA00
SIZE = 4096
UNTOUCHED = 0xEE
ASKED = select.POLLIN | select.POLLPRI | select.POLLOUT | select.POLLRDNORM | select.POLLWRNORM
NAMES = ["POLLIN", "POLLPRI", "POLLOUT", "POLLRDNORM", "POLLWRNORM", "POLLERR", "POLLHUP", "POLLNVAL"]


def say(line):
    os.write(1, (line + "\n").encode())


def say_mask(call, mask):
    say(call + " " + ("|".join(name for name in NAMES if mask & getattr(select, name)) or "0"))


def read(fd):
    """Reads once; returns how many events came."""
    buffer = bytearray([UNTOUCHED]) * SIZE
    length = os.readv(fd, [buffer])
    if buffer[length:].count(UNTOUCHED) != SIZE - length:
        say("read touched more than it returned")
    events, at = 0, 0
    while at < length:
        size = struct.unpack_from("=H", buffer, at + 2)[0]
        say("event " + buffer[at : at + size].hex())
        events, at = events + 1, at + size
    return events


def blocking(fd, wanted):
    while wanted > 0:
        wanted -= read(fd)


def with_select(fd, wanted):
    while wanted > 0:
        ready = select.select([fd], [fd], [fd])
        say("select " + " ".join(name for name, fds in zip(("read", "write", "except"), ready) if fds))
        wanted -= read(fd)


def with_poll(fd, wanted):
    poller = select.poll()
    poller.register(fd, ASKED)
    while wanted > 0:
        say_mask("poll", poller.poll()[0][1])
        wanted -= read(fd)


def with_epoll(fd, wanted):
    with select.epoll() as poller:
        poller.register(fd, ASKED)
        while wanted > 0:
            say_mask("epoll", poller.poll()[0][1])
            wanted -= read(fd)


def drain(fd):
    """Reads until there is nothing left; returns how many events came."""
    events = 0
    os.set_blocking(fd, False)
    try:
        while True:
            events += read(fd)
    except BlockingIOError:
        return events


def with_epollet(fd, wanted):
    with select.epoll() as poller:
        poller.register(fd, ASKED | select.EPOLLET)
        while wanted > 0:
            say_mask("epoll", poller.poll()[0][1])
            wanted -= drain(fd)


async def with_asyncio(fd, wanted):
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def readable():
        nonlocal wanted
        try:
            wanted -= drain(fd)
            if wanted <= 0 and not done.done():
                done.set_result(None)
        except OSError as error:
            if not done.done():
                done.set_exception(error)

    loop.add_reader(fd, readable)
    try:
        await done
    finally:
        loop.remove_reader(fd)


SCENARIOS = {
    "read": blocking,
    "select": with_select,
    "poll": with_poll,
    "epoll": with_epoll,
    "epollet": with_epollet,
    "asyncio": lambda fd, wanted: asyncio.run(with_asyncio(fd, wanted)),
}


def main(path, scenario, wanted="1"):
    signal.alarm(20)  # nothing hangs for ever
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, START_WORK, bytes(64))
    say("started")
    try:
        SCENARIOS[scenario](fd, int(wanted))
    except OSError as error:
        say("read -1 " + errno.errorcode[error.errno])


main(*sys.argv[1:])
