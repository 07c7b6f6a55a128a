// Poll and notify: what edge-triggered epoll and every sleeping poller live on.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { OpenFile, Poller } from '../../src/fuse/index.ts';
import { directory, FuseError, Poll } from '../../src/fuse/index.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import { Kernel, pollBody, read32, read64, releaseBody } from './kernel.ts';

function serve(file: OpenFile): { kernel: Kernel; poller: Poller } {
  const pollers: Poller[] = [];
  const kernel = new Kernel(
    directory({
      dev: {
        kind: 'file',
        attributes: () => ({ mode: 0o600, uid: 0, gid: 0 }),
        open(request) {
          pollers.push(request.poller);
          return file;
        },
      },
    }),
  );
  kernel.openName('dev');
  return { kernel, poller: pollers[0] ?? assert.fail() };
}

const isNotify = (message: Uint8Array) => Buffer.from(message).readBigUInt64LE(8) === 0n;

test('notify is sent only when armed, once, and says so', () => {
  const { kernel, poller } = serve({ poll: () => 0 });
  assert.equal(poller.notify(), false);
  assert.equal(read32(kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 9, false)).body, 0), 0);
  assert.equal(poller.notify(), false);
  kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 9, true));
  assert.equal(poller.notify(), true);
  assert.equal(poller.notify(), false);
  const sent = kernel.transport.take();
  assert.deepEqual([sent.length, sent.every(isNotify)], [1, true]);
  assert.equal(read64(Buffer.from(sent[0] ?? []), 16), 9n);
});

test('armed also when the mask is ready already: the next edge must wake', () => {
  const { kernel, poller } = serve({ poll: () => Poll.POLLIN });
  assert.equal(read32(kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 9, true)).body, 0), Poll.POLLIN);
  assert.equal(poller.notify(), true);
});

test('armed before the handler looks: a notify from inside it is not lost', () => {
  const notified: boolean[] = [];
  let poller: Poller | undefined;
  const served = serve({
    poll() {
      notified.push(poller?.notify() ?? false);
      return Poll.POLLIN;
    },
  });
  ({ poller } = served);
  const { kernel } = served;
  kernel.send(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 9, true));
  const sent = kernel.transport.take();
  assert.deepEqual(notified, [true]);
  assert.deepEqual(sent.map(isNotify), [true, false]);
});

test('a notify between filling the reply buffer and reply does not disturb the answer', () => {
  let poller: Poller | undefined;
  const served = serve({
    poll: () => 0,
    read(request) {
      request.buffer.set(Buffer.from('precious'), request.start);
      assert.equal(poller?.notify(), true);
      request.reply(8);
    },
  });
  ({ poller } = served);
  const { kernel } = served;
  kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 9, true));
  const body = new Uint8Array(40);
  new DataView(body.buffer).setBigUint64(0, 1n, true);
  new DataView(body.buffer).setUint32(16, 64, true);
  kernel.send(FuseOpcode.FUSE_READ, {}, body);
  const [, answer] = kernel.transport.take();
  assert.equal(Buffer.from(answer ?? []).toString('latin1', 16), 'precious');
});

test('the last poll request’s kh counts', () => {
  const { kernel, poller } = serve({ poll: () => 0 });
  kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 1, true));
  kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 0xffffffffffffffffn, true));
  poller.notify();
  assert.equal(read64(Buffer.from(kernel.transport.take()[0] ?? []), 16), 0xffffffffffffffffn);
});

test('a poll request without SCHEDULE_NOTIFY does not disarm', () => {
  const { kernel, poller } = serve({ poll: () => 0 });
  kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 1, true));
  kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 1, false));
  assert.equal(poller.notify(), true);
});

test('without poll: always readable and writable; the requested events reach poll', () => {
  const { kernel } = serve({});
  assert.equal(read32(kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 1, true)).body, 0), 0x145);
  const seen: number[] = [];
  const other = serve({ poll: events => seen.push(events) });
  other.kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 1, true, 0x1b));
  assert.deepEqual(seen, [0x1b]);
});

test('a poll that throws is EIO and a warning, and never ENOSYS, which would switch poll off for ever', () => {
  let error: Error = new Error('oops');
  const { kernel } = serve({
    poll() {
      throw error;
    },
  });
  const ask = () => kernel.ask(FuseOpcode.FUSE_POLL, { nodeId: 2 }, ...pollBody(1, 1, true)).errno;
  assert.equal(ask(), 5);
  assert.match(kernel.warnings.join(), /POLL of "dev" \(node 2\): threw Error: oops/);
  error = new FuseError('ENOSYS');
  assert.equal(ask(), 5);
  error = new FuseError('EBUSY');
  assert.equal(ask(), 16);
  assert.equal(kernel.warnings.length, 2);
});

test('after release and after the end notify does nothing', () => {
  const { kernel, poller } = serve({ poll: () => 0 });
  kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 1, true));
  kernel.ask(FuseOpcode.FUSE_RELEASE, { nodeId: 2 }, ...releaseBody(1));
  assert.equal(poller.notify(), false);
  const other = serve({ poll: () => 0 });
  other.kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(1, 1, true));
  other.kernel.session.close();
  assert.equal(other.poller.notify(), false);
  assert.deepEqual([kernel.answers(), other.kernel.answers()], [[], []]);
});
