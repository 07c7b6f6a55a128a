// Whole messages, byte by byte, as a little-endian Linux 6.18 sends and takes them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FileNode, Poller } from '../../src/fuse/index.ts';
import { directory } from '../../src/fuse/index.ts';
import { BackingTransport, Kernel, LITTLE } from './kernel.ts';

const skip = LITTLE ? false : 'written down in little-endian order';

/** Rows of hex digits; the comment behind each row says which field it is. */
const hex = (...rows: string[]) => Uint8Array.from(Buffer.from(rows.join('').replaceAll(' ', ''), 'hex'));
const show = (messages: Uint8Array[]) => messages.map(message => Buffer.from(message).toString('hex'));

test('INIT from Linux 6.18 (7.45) is answered with 7.40 and what is accepted', { skip }, () => {
  const kernel = new Kernel(directory({}));
  kernel.transport.deliver(
    hex(
      '68000000', // len 104
      '1a000000', // opcode FUSE_INIT 26
      '0200000000000000', // unique 2
      '0000000000000000', // nodeid 0
      '00000000', // uid
      '00000000', // gid
      '00000000', // pid
      '0000 0000', // total_extlen, padding
      '07000000', // major 7
      '2d000000', // minor 45
      '00000200', // max_readahead 131072
      'fbffff73', // flags
      'fd070000', // flags2
      '00'.repeat(44), // unused[11]
    ),
  );
  assert.deepEqual(
    show(kernel.transport.take()),
    show([
      hex(
        '50000000', // len 80
        '00000000', // error 0
        '0200000000000000', // unique 2
        '07000000', // major 7
        '28000000', // minor 40
        '00000000', // max_readahead 0
        '28004440', // flags ATOMIC_O_TRUNC | BIG_WRITES | PARALLEL_DIROPS | MAX_PAGES | INIT_EXT
        '0000', // max_background: the kernel's own
        '0000', // congestion_threshold: the kernel's own
        '00800000', // max_write 32768
        '01000000', // time_gran 1 ns
        '1100', // max_pages 17
        '0000', // map_alignment
        '20000000', // flags2 PASSTHROUGH
        '01000000', // max_stack_depth
        '00'.repeat(24), // request_timeout, unused
      ),
    ]),
  );
});

function device(): { node: FileNode; poller: () => Poller } {
  let poller: Poller | undefined;
  const node: FileNode = {
    kind: 'file',
    attributes: () => ({ mode: 0o600, uid: 0, gid: 0 }),
    open(request) {
      ({ poller } = request);
      return {
        read(read) {
          assert.equal(read.flags, 0x8800);
          assert.equal(read.size, 4096);
          read.buffer.set(Buffer.from('event!'), read.start);
          read.reply(6);
        },
        ioctl(ioctl) {
          assert.equal(ioctl.command, 0xc008ca01);
          assert.equal(ioctl.argument, 0x7ffc12345678);
          assert.deepEqual([...ioctl.input], [1, 2, 3, 4, 5, 6, 7, 8]);
          ioctl.reply(-22, Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9));
        },
        poll: () => 0x41,
      };
    },
  };
  return { node, poller: () => poller ?? assert.fail('not open') };
}

function opened(): { kernel: Kernel; poller: Poller } {
  const { node, poller } = device();
  const kernel = new Kernel(directory({ dev: node }));
  assert.equal(kernel.openName('dev'), 1);
  return { kernel, poller: poller() };
}

test('OPEN hands out a stream: direct I/O, no position', { skip }, () => {
  const kernel = new Kernel(directory({ dev: device().node }));
  assert.equal(kernel.lookup('dev'), 2);
  kernel.transport.deliver(
    hex(
      '30000000', // len 48
      '0e000000', // opcode FUSE_OPEN 14
      '0800000000000000', // unique 8
      '0200000000000000', // nodeid 2
      '00000000 00000000 01000000 00000000', // uid, gid, pid, total_extlen
      '02800000', // flags O_RDWR | O_LARGEFILE
      '00000000', // open_flags
    ),
  );
  assert.deepEqual(
    show(kernel.transport.take()),
    show([
      hex(
        '20000000', // len 32
        '00000000', // error
        '0800000000000000', // unique 8
        '0100000000000000', // fh 1
        '35000000', // open_flags DIRECT_IO | NONSEEKABLE | STREAM | NOFLUSH
        '00000000', // backing_id
      ),
    ]),
  );
});

test('OPEN of a file with a backing hands out its id: PASSTHROUGH, and a position', { skip }, () => {
  const node: FileNode = { ...device().node, mappable: true, open: () => ({ backing: { fd: 7 } }) };
  const kernel = new Kernel(directory({ dev: node }), {}, new BackingTransport());
  kernel.init();
  assert.equal(kernel.lookup('dev'), 2);
  kernel.transport.deliver(
    hex(
      '30000000', // len 48
      '0e000000', // opcode FUSE_OPEN 14
      '0800000000000000', // unique 8
      '0200000000000000', // nodeid 2
      '00000000 00000000 01000000 00000000', // uid, gid, pid, total_extlen
      '02800000', // flags O_RDWR | O_LARGEFILE
      '00000000', // open_flags
    ),
  );
  assert.deepEqual(
    show(kernel.transport.take()),
    show([
      hex(
        '20000000', // len 32
        '00000000', // error
        '0800000000000000', // unique 8
        '0100000000000000', // fh 1
        'a1000000', // open_flags DIRECT_IO | NOFLUSH | PASSTHROUGH
        '01100000', // backing_id 0x1001
      ),
    ]),
  );
});

test('READ is answered from the reply buffer', { skip }, () => {
  const { kernel } = opened();
  kernel.transport.deliver(
    hex(
      '50000000', // len 80
      '0f000000', // opcode FUSE_READ 15
      '0a00000000000000', // unique 10
      '0200000000000000', // nodeid 2
      'e8030000 e8030000 67120000 00000000', // uid 1000, gid 1000, pid 4711, total_extlen
      '0100000000000000', // fh 1
      '0000000000000000', // offset
      '00100000', // size 4096
      '00000000', // read_flags
      '0000000000000000', // lock_owner
      '00880000', // flags O_NONBLOCK | O_LARGEFILE
      '00000000', // padding
    ),
  );
  assert.deepEqual(
    show(kernel.transport.take()),
    show([
      hex(
        '16000000', // len 22
        '00000000', // error
        '0a00000000000000', // unique 10
        '6576656e7421', // "event!"
      ),
    ]),
  );
});

test('POLL arms with all 64 bits of kh, and notify sends them back', { skip }, () => {
  const { kernel, poller } = opened();
  kernel.transport.deliver(
    hex(
      '40000000', // len 64
      '28000000', // opcode FUSE_POLL 40
      '0c00000000000000', // unique 12
      '0200000000000000', // nodeid 2
      '00000000 00000000 01000000 00000000', // uid, gid, pid, total_extlen
      '0100000000000000', // fh 1
      'efcdab8967452301', // kh 0x0123456789abcdef
      '01000000', // flags FUSE_POLL_SCHEDULE_NOTIFY
      '1b000000', // events POLLIN | POLLPRI | POLLERR | POLLHUP
    ),
  );
  assert.equal(poller.notify(), true);
  assert.deepEqual(
    show(kernel.transport.take()),
    show([
      hex(
        '18000000', // len 24
        '00000000', // error
        '0c00000000000000', // unique 12
        '41000000', // revents POLLIN | POLLRDNORM
        '00000000', // padding
      ),
      hex(
        '18000000', // len 24
        '01000000', // error: the code FUSE_NOTIFY_POLL
        '0000000000000000', // unique 0
        'efcdab8967452301', // kh
      ),
    ]),
  );
});

test('IOCTL answers its result and the output', { skip }, () => {
  const { kernel } = opened();
  kernel.transport.deliver(
    hex(
      '50000000', // len 80
      '27000000', // opcode FUSE_IOCTL 39
      '0e00000000000000', // unique 14
      '0200000000000000', // nodeid 2
      '00000000 00000000 01000000 00000000', // uid, gid, pid, total_extlen
      '0100000000000000', // fh 1
      '00000000', // flags
      '01ca08c0', // cmd _IOWR(0xca, 1, 8 bytes)
      '78563412fc7f0000', // arg 0x7ffc12345678
      '08000000', // in_size 8
      '08000000', // out_size 8
      '0102030405060708', // the argument's bytes
    ),
  );
  assert.deepEqual(
    show(kernel.transport.take()),
    show([
      hex(
        '28000000', // len 40
        '00000000', // error
        '0e00000000000000', // unique 14
        'eaffffff', // result -22
        '00000000', // flags
        '00000000', // in_iovs
        '00000000', // out_iovs
        '0909090909090909', // output
      ),
    ]),
  );
});
