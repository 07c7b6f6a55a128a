"""Any program will do: open, START_WORK, poll, read. Run it as: afukit run -- python3 client.py"""
import fcntl, os, select, struct, sys

fd = os.open(sys.argv[1] if len(sys.argv) > 1 else "/dev/cxl/afu0.0s", os.O_RDWR)
fcntl.ioctl(fd, 0x4040CA00, bytes(64))  # CXL_IOCTL_START_WORK, no flags
poll = select.epoll()
poll.register(fd, select.EPOLLIN)
for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 5):
    poll.poll()
    event = os.read(fd, 4096)
    kind, size, pe = struct.unpack_from("=HHH", event)
    if kind == 1:
        print("interrupt", struct.unpack_from("=H", event, 10)[0], flush=True)
    elif kind == 4:
        print("driver event:", event[8:size].decode(), flush=True)
