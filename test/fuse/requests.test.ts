// The life of a request: exactly one answer, whatever its handler does.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { OpenFile, ReadRequest } from '../../src/fuse/index.ts';
import { directory, FuseError } from '../../src/fuse/index.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import { ioctlBody, Kernel, readBody, releaseBody, u64, writeBody } from './kernel.ts';

const { FUSE_READ, FUSE_WRITE, FUSE_IOCTL, FUSE_INTERRUPT, FUSE_RELEASE } = FuseOpcode;
const [EINTR, EIO, EBUSY, EINVAL, ENOTTY] = [4, 5, 16, 22, 25];

const attributes = () => ({ mode: 0o600, uid: 0, gid: 0 });

function serve(file: OpenFile): Kernel {
  const kernel = new Kernel(directory({ dev: { kind: 'file', attributes, open: () => file } }));
  assert.equal(kernel.openName('dev'), 1);
  return kernel;
}

/** Lets everything that is settled run its continuations. */
const turn = () => new Promise(setImmediate);

test('a second answer is refused, with one warning', () => {
  const results: boolean[] = [];
  const kernel = serve({
    read(request) {
      request.buffer.fill(7, request.start, request.start + 3);
      results.push(request.reply(3), request.reply(3), request.fail(EBUSY), request.replyWith(new Uint8Array(1)));
      assert.equal(request.answered, true);
    },
  });
  const { errno, body } = kernel.ask(FUSE_READ, {}, ...readBody(1));
  assert.deepEqual([errno, [...body]], [0, [7, 7, 7]]);
  assert.deepEqual(results, [true, false, false, false]);
  assert.equal(kernel.warnings.length, 1);
  assert.match(kernel.warnings[0] ?? '', /READ of "dev" \(node 2\): answered twice/);
});

test('an answer that the kernel no longer wants returns false, without a warning', () => {
  const results: boolean[] = [];
  const kernel = serve({ read: request => void results.push(request.reply(0)) });
  kernel.transport.accept = () => false;
  kernel.send(FUSE_READ, {}, ...readBody(1));
  assert.deepEqual(results, [false]);
  assert.deepEqual(kernel.warnings, []);
});

test('an answer that the kernel refuses as malformed returns false, with a warning', () => {
  const results: boolean[] = [];
  const kernel = serve({ read: request => void results.push(request.reply(0)) });
  kernel.transport.accept = () => {
    throw new Error('EINVAL');
  };
  kernel.send(FUSE_READ, {}, ...readBody(1));
  assert.deepEqual(results, [false]);
  assert.match(kernel.warnings.join(), /the kernel refused an answer of 16 bytes/);
});

const faults: readonly (readonly [string, OpenFile['read'] & {}, number, RegExp | undefined])[] = [
  ['does nothing', () => {}, EIO, /READ of "dev" \(node 2\): the handler neither answered/],
  [
    'throws',
    () => {
      throw new TypeError('oops');
    },
    EIO,
    /READ of "dev".*threw TypeError: oops/,
  ],
  [
    'throws a FuseError',
    () => {
      throw new FuseError('EBUSY', 'read');
    },
    EBUSY,
    undefined,
  ],
  [
    'throws a positive errno',
    () => {
      throw Object.assign(new Error('busy'), { errno: EBUSY });
    },
    EBUSY,
    undefined,
  ],
  [
    'throws an errno that is none',
    () => {
      throw Object.assign(new Error('odd'), { errno: 512 });
    },
    EIO,
    /threw Error: odd/,
  ],
  ['rejects', () => Promise.reject(new Error('later')), EIO, /threw Error: later/],
  [
    'throws an object that has no text',
    () => {
      throw Object.create(null);
    },
    EIO,
    /READ of "dev".*threw an object that has no text/,
  ],
  [
    'rejects with an object that has no text',
    () => Promise.reject(Object.create(null)),
    EIO,
    /threw an object that has/,
  ],
  [
    'throws what nobody may look at',
    () => {
      throw Object.defineProperty(new Error('odd'), 'errno', { get: () => assert.fail('looked at') });
    },
    EIO,
    /threw Error: odd/,
  ],
  ['rejects with an errno', () => Promise.reject(new FuseError('EINVAL')), EINVAL, undefined],
  ['resolves without an answer', () => Promise.resolve(), EIO, /the handler neither answered/],
  ['fails with a negative errno', request => void request.fail(-EBUSY), EIO, /fail\(-16\) is not a positive errno/],
  ['answers more than was asked for', request => void request.reply(99), EIO, /reply\(99\) to a read of 8 bytes/],
  ['answers a fraction', request => void request.reply(1.5), EIO, /reply\(1.5\)/],
  ['copies more than was asked for', request => void request.replyWith(new Uint8Array(9)), EIO, /reply\(9\)/],
];

for (const [what, read, errno, warning] of faults) {
  test(`a read handler that ${what} is answered ${errno} ${warning ? 'and reported once' : 'quietly'}`, async () => {
    const kernel = serve({ read });
    kernel.send(FUSE_READ, {}, ...readBody(1, 8));
    await turn();
    assert.deepEqual(
      kernel.answers().map(answer => answer.errno),
      [errno],
    );
    assert.equal(kernel.warnings.length, warning ? 1 : 0);
    if (warning) assert.match(kernel.warnings[0] ?? '', warning);
  });
}

test('a handler that throws after its answer is reported, and the answer stands', () => {
  const kernel = serve({
    read(request) {
      request.reply(0);
      throw new FuseError('EBUSY');
    },
  });
  assert.equal(kernel.ask(FUSE_READ, {}, ...readBody(1)).errno, 0);
  assert.match(kernel.warnings.join(), /threw after its answer/);
});

test('absent handlers: EINVAL for read and write, ENOTTY for ioctl', () => {
  const kernel = serve({});
  assert.equal(kernel.ask(FUSE_READ, {}, ...readBody(1)).errno, EINVAL);
  assert.equal(kernel.ask(FUSE_WRITE, {}, ...writeBody(1, new Uint8Array(2))).errno, EINVAL);
  assert.equal(kernel.ask(FUSE_IOCTL, {}, ...ioctlBody(1, 5, new Uint8Array(0), 0)).errno, ENOTTY);
});

test('write sees its data and flags, and cannot take more than there was', () => {
  const seen: unknown[] = [];
  let taken = 3;
  const kernel = serve({
    write(request) {
      seen.push([...request.data], request.flags, request.offset);
      request.reply(taken);
    },
  });
  const answer = kernel.ask(FUSE_WRITE, {}, ...writeBody(1, Uint8Array.of(5, 6, 7), 40, 0x801));
  assert.equal(answer.body.readUInt32LE(0), 3);
  assert.deepEqual(seen, [[5, 6, 7], 0x801, 40]);
  taken = 4;
  assert.equal(kernel.ask(FUSE_WRITE, {}, ...writeBody(1, Uint8Array.of(5, 6, 7))).errno, EIO);
});

test('ioctl: too much output is EIO, unrestricted is EIO, on a directory ENOTTY', () => {
  const kernel = serve({ ioctl: request => void request.reply(0, new Uint8Array(9)) });
  const none = new Uint8Array(0);
  assert.equal(kernel.ask(FUSE_IOCTL, {}, ...ioctlBody(1, 5, none, 8)).errno, EIO);
  assert.equal(kernel.ask(FUSE_IOCTL, {}, ...ioctlBody(1, 5, none, 9)).errno, 0);
  assert.equal(kernel.ask(FUSE_IOCTL, {}, ...ioctlBody(1, 5, none, 9, 0x2)).errno, EIO);
  assert.equal(kernel.ask(FUSE_IOCTL, {}, ...ioctlBody(1, 5, none, 9, 0x10)).errno, ENOTTY);
});

/** A file whose reads park; `parked` and `cancelled` tell what happened. */
function parking(): { file: OpenFile; parked: ReadRequest[]; cancelled: ReadRequest[] } {
  const parked: ReadRequest[] = [];
  const cancelled: ReadRequest[] = [];
  const file: OpenFile = {
    read(request) {
      parked.push(request);
      request.park(() => cancelled.push(request));
    },
  };
  return { file, parked, cancelled };
}

test('a parked read is answered later, from anywhere', () => {
  const { file, parked, cancelled } = parking();
  const kernel = serve(file);
  const unique = kernel.send(FUSE_READ, {}, ...readBody(1));
  assert.deepEqual(kernel.answers(), []);
  assert.equal(parked[0]?.replyWith(Buffer.from('late')), true);
  const [answer] = kernel.answers();
  assert.deepEqual([answer?.unique, answer?.body.toString()], [unique, 'late']);
  // INTERRUPT of a request that has been answered: ignored.
  kernel.send(FUSE_INTERRUPT, {}, u64(unique));
  assert.deepEqual([kernel.answers(), cancelled, kernel.warnings], [[], [], []]);
});

test('INTERRUPT of a parked read: cancel, EINTR at once, a late answer is refused quietly', () => {
  const { file, parked, cancelled } = parking();
  const kernel = serve(file);
  const first = kernel.send(FUSE_READ, {}, ...readBody(1));
  const second = kernel.send(FUSE_READ, {}, ...readBody(1));
  const { signal } = parked[0] ?? assert.fail();
  kernel.send(FUSE_INTERRUPT, {}, u64(first));
  assert.deepEqual(
    kernel.answers().map(({ unique, errno }) => [unique, errno]),
    [[first, EINTR]],
  );
  assert.deepEqual(cancelled, [parked[0]]);
  assert.equal(signal.aborted, true);
  assert.equal(parked[0]?.answered, true);
  assert.equal(parked[0]?.reply(0), false);
  assert.equal(parked[1]?.reply(0), true);
  assert.deepEqual(
    kernel.answers().map(({ unique }) => unique),
    [second],
  );
  assert.deepEqual(kernel.warnings, []);
});

test('a cancel that answers has the last word, and one that throws is reported', () => {
  let answers = true;
  const kernel = serve({
    read: request =>
      request.park(() => {
        if (!answers) throw new Error('cannot');
        request.reply(0);
      }),
  });
  let unique = kernel.send(FUSE_READ, {}, ...readBody(1));
  kernel.send(FUSE_INTERRUPT, {}, u64(unique));
  assert.deepEqual(
    kernel.answers().map(({ errno }) => errno),
    [0],
  );
  answers = false;
  unique = kernel.send(FUSE_READ, {}, ...readBody(1));
  kernel.send(FUSE_INTERRUPT, {}, u64(unique));
  assert.deepEqual(
    kernel.answers().map(({ errno }) => errno),
    [EINTR],
  );
  assert.match(kernel.warnings.join(), /cancel threw Error: cannot/);
});

test('INTERRUPT of a promise handler: EINTR at once, the signal aborts, its rejection is its way out', async () => {
  const reasons: unknown[] = [];
  const results: boolean[] = [];
  const kernel = serve({
    async read(request) {
      await new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => {
          results.push(request.reply(0));
          reject(request.signal.reason);
        });
      }).catch((error: unknown) => {
        reasons.push(error);
        throw error;
      });
    },
  });
  const unique = kernel.send(FUSE_READ, {}, ...readBody(1));
  kernel.send(FUSE_INTERRUPT, {}, u64(unique));
  assert.deepEqual(
    kernel.answers().map(({ errno }) => errno),
    [EINTR],
  );
  await turn();
  assert.deepEqual(results, [false]);
  assert.equal((reasons[0] as FuseError).code, 'EINTR');
  assert.deepEqual([kernel.answers(), kernel.warnings], [[], []]);
});

test('a promise handler that parks after it was interrupted is cancelled at once', async () => {
  const events: string[] = [];
  const kernel = serve({
    async read(request) {
      await Promise.resolve();
      events.push(`answered ${request.answered}`);
      request.park(() => events.push('cancelled'));
    },
  });
  const unique = kernel.send(FUSE_READ, {}, ...readBody(1));
  kernel.send(FUSE_INTERRUPT, {}, u64(unique));
  await turn();
  assert.deepEqual(events, ['answered true', 'cancelled']);
  assert.equal(kernel.answers().length, 1);
});

test('INTERRUPT of an unknown request, and of one that only looks alike, is ignored', () => {
  const { file, cancelled } = parking();
  const kernel = serve(file);
  const body = readBody(1);
  // Both uniques are the same number once rounded to 53 bits.
  kernel.send(FUSE_READ, { unique: (1n << 60n) + 2n }, ...body);
  kernel.send(FUSE_INTERRUPT, {}, u64((1n << 60n) + 4n));
  kernel.send(FUSE_INTERRUPT, {}, u64(4711));
  assert.deepEqual([cancelled, kernel.answers()], [[], []]);
  kernel.send(FUSE_INTERRUPT, {}, u64((1n << 60n) + 2n));
  assert.equal(cancelled.length, 1);
});

for (const way of ['unmount', 'close'] as const) {
  test(`${way}: what waits is cancelled and not answered, open files are released once`, async () => {
    const { file, parked, cancelled } = parking();
    let released = 0;
    const kernel = serve({ ...file, release: () => released++ });
    kernel.send(FUSE_READ, {}, ...readBody(1));
    const { signal } = parked[0] ?? assert.fail();
    if (way === 'unmount') kernel.transport.end();
    else kernel.session.close();
    await kernel.session.closed;
    assert.equal(cancelled.length, 1);
    assert.equal(signal.aborted, true);
    assert.equal(parked[0]?.answered, true);
    assert.equal(parked[0]?.reply(0), false);
    assert.deepEqual([kernel.answers(), kernel.warnings, released], [[], [], 1]);
    kernel.session.close();
    assert.equal(released, 1);
  });
}

test('RELEASE calls release once; a throwing release is reported and answered all the same', () => {
  let released = 0;
  const kernel = serve({
    release() {
      released++;
      throw new Error('stuck');
    },
  });
  assert.equal(kernel.ask(FUSE_RELEASE, { nodeId: 2 }, ...releaseBody(1)).errno, 0);
  assert.equal(kernel.ask(FUSE_RELEASE, { nodeId: 2 }, ...releaseBody(1)).errno, 9);
  assert.equal(released, 1);
  assert.match(kernel.warnings.join(), /RELEASE of "dev" \(node 2\): release threw Error: stuck/);
});
