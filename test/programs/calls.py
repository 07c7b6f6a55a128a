"""One system call on a device file for each line of stdin, with pointers and sizes as bad as the test wants them.

    python3 calls.py FILE [nonblock] [readonly]

Says `open 0` or `open -1 ERRNO`, and then, for each line:

    ioctl COMMAND HEX            with a writable argument: `0 HEX`, what stands in it afterwards, or `-1 ERRNO`
    ioctl-at COMMAND ADDRESS     with that pointer
    ioctl-readonly COMMAND HEX   with an argument in memory that cannot be written
    read SIZE                    `SIZE HEX`, or `-1 ERRNO`
    read-at ADDRESS SIZE         into that pointer
    write HEX                    `SIZE`, or `-1 ERRNO`
    lseek OFFSET                 `0`, or `-1 ERRNO`
    poll                         the mask now, in hexadecimal
"""

import ctypes
import errno
import mmap
import os
import select
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.read.restype = ctypes.c_ssize_t
libc.read.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def failed():
    return "-1 " + errno.errorcode[ctypes.get_errno()]


def ioctl(fd, command, pointer, size):
    result = libc.ioctl(fd, int(command, 0), pointer)
    return failed() if result < 0 else f"{result} {ctypes.string_at(pointer, size).hex()}".strip()


def readonly(content):
    anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    page = libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE, anonymous, -1, 0)
    ctypes.memmove(page, content, len(content))
    libc.mprotect(page, mmap.PAGESIZE, mmap.PROT_READ)
    return page


def answer(fd, call, *words):
    if call == "ioctl":
        argument = ctypes.create_string_buffer(bytes.fromhex(words[1]), len(words[1]) // 2)
        return ioctl(fd, words[0], ctypes.addressof(argument), len(argument))
    if call == "ioctl-at":
        return ioctl(fd, words[0], int(words[1], 0), 0)
    if call == "ioctl-readonly":
        content = bytes.fromhex(words[1])
        return ioctl(fd, words[0], readonly(content), len(content))
    if call == "read":
        buffer = ctypes.create_string_buffer(max(1, int(words[0])))
        length = libc.read(fd, ctypes.addressof(buffer), int(words[0]))
        return failed() if length < 0 else f"{length} {buffer.raw[:length].hex()}".strip()
    if call == "read-at":
        length = libc.read(fd, int(words[0], 0), int(words[1]))
        return failed() if length < 0 else str(length)
    if call == "write":
        return str(os.write(fd, bytes.fromhex(words[0])))
    if call == "lseek":
        return str(os.lseek(fd, int(words[0]), os.SEEK_SET))
    if call == "poll":
        poller = select.poll()
        poller.register(fd, 0x1 | 0x2 | 0x4 | 0x40 | 0x100)
        return hex(sum(mask for _, mask in poller.poll(0)))
    raise ValueError(call)


def main(path, *flags):
    signal.alarm(20)  # nothing hangs for ever
    try:
        access = os.O_RDONLY if "readonly" in flags else os.O_RDWR
        fd = os.open(path, access | (os.O_NONBLOCK if "nonblock" in flags else 0))
    except OSError as error:
        print("open -1", errno.errorcode[error.errno], flush=True)
        return
    print("open 0", flush=True)
    for line in sys.stdin:
        try:
            print(answer(fd, *line.split()), flush=True)
        except OSError as error:
            print("-1", errno.errorcode[error.errno], flush=True)


main(*sys.argv[1:])
