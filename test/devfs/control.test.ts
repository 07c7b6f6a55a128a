/* The echo driver's control file: what is written there arrives as a driver event, or is refused with a reason. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { afuOptions, echo } from '../../src/afu/index.ts';
import { Adapter, type Context } from '../../src/core/index.ts';
import { runC } from '../support/clients.ts';
import { mountAdapters } from '../support/device.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';
import type { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

interface Echo {
  readonly write: (bytes: Uint8Array | string) => Promise<void>;
  readonly read: (scenario: string, count: number) => Promise<Program>;
  readonly control: string;
  readonly contexts: ReadonlyMap<number, Context>;
}

/** Slice 1 is another echo, with a control file of its own. */
async function serveEcho(t: TestContext, capacity?: number): Promise<Echo> {
  const options = capacity === undefined ? {} : { capacity };
  const adapter = new Adapter({ afus: [afuOptions(echo(options)), afuOptions(echo(options))] });
  const directory = await mountAdapters(t, [adapter]);
  const control = join(directory, 'debug/cxl/afu0.0/echo');
  const { contexts } = adapter.afus[0]!;
  return {
    control,
    contexts,
    write: bytes => writeFile(control, bytes),
    async read(scenario, count) {
      const before = contexts.size;
      const client = runC(t, join(directory, 'dev/cxl/afu0.0s'), scenario, count);
      await until('it has opened', () => contexts.size > before);
      assert.equal(await client.line(), 'ioctl START_WORK 0');
      return client;
    },
  };
}

const event = (bytes: Uint8Array | string, pe = 0): string =>
  `event afu_driver pe=${pe} data=${Buffer.from(bytes).toString('hex')}`;

describe('the echo control file', { skip: any(noFuse(), noCompiler()) }, () => {
  it('every byte arrives as it was written', async t => {
    const { read, write } = await serveEcho(t);
    const all = Uint8Array.from({ length: 256 }, (_, value) => value);
    const payloads = [all, Uint8Array.of(0), Uint8Array.of(0xff, 0xfe, 0x0a), 'text\n', Buffer.alloc(4088, 0xa5)];
    const client = await read('read', payloads.length);
    for (const payload of payloads) {
      await write(payload);
      assert.equal(await client.line(), event(payload));
    }
  });

  it('every open context gets it', async t => {
    const { read, write } = await serveEcho(t);
    const clients = [await read('read', 1), await read('epoll', 1)];
    await write('x');
    const said = await Promise.all(clients.map(client => client.remaining()));
    assert.deepEqual(said, [[event('x')], ['epoll POLLIN|POLLRDNORM', event('x', 1)]]);
  });

  it('ENXIO when nobody has the AFU open', async t => {
    const { read, write, contexts } = await serveEcho(t);
    await assert.rejects(write('x'), { code: 'ENXIO' });
    const client = await read('read', 1);
    await client.kill();
    await until('its context is released', () => contexts.size === 0);
    await assert.rejects(write('x'), { code: 'ENXIO' });
  });

  it('EAGAIN when a reader is behind; nobody got it then, and later it is taken', async t => {
    const { read, write } = await serveEcho(t, 2);
    const [behind, prompt] = [await read('drain', 1), await read('read', 3)];
    await write('1');
    await write('2');
    assert.deepEqual(await prompt.lines(2), [event('1', 1), event('2', 1)]);
    await assert.rejects(write('3'), { code: 'EAGAIN' });
    behind.send('go');
    assert.deepEqual(await behind.remaining(), [event('1'), event('2'), 'read -1 EAGAIN', 'poll 0']);
    await until('the one that was behind is gone', async () => {
      try {
        await write('4');
        return true;
      } catch {
        return false;
      }
    });
    assert.deepEqual(await prompt.remaining(), [event('4', 1)]);
  });

  it('EMSGSIZE beyond 4088 bytes, and nothing arrives', async t => {
    const { read, write } = await serveEcho(t);
    const client = await read('drain', 1);
    await assert.rejects(write(Buffer.alloc(4089)), { code: 'EMSGSIZE' });
    client.send('go');
    assert.deepEqual(await client.remaining(), ['read -1 EAGAIN', 'poll 0']);
  });

  it('can be written by its owner and read by nobody', async t => {
    const { control } = await serveEcho(t);
    assert.equal((await stat(control)).mode & 0o7777, 0o200);
    await assert.rejects(readFile(control), { code: 'EACCES' });
  });
});
