// The example: its model without a kernel, and the program of its README against a real mount.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { GpioLine } from '../../examples/gpio/gpio.ts';
import { directory, mount } from '../../src/fuse/index.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import { Kernel, pollBody, read32, readBody, writeBody } from './kernel.ts';

const IDLE = 0x145;
const EDGE = IDLE | 0x2 | 0x8;

test('an edge of the chosen kind is POLLPRI | POLLERR until it is read', () => {
  const line = new GpioLine();
  const kernel = new Kernel(line.tree());
  const value = kernel.openName('value');
  const edge = kernel.openName('edge', 1);
  const poll = () => read32(kernel.ask(FuseOpcode.FUSE_POLL, {}, ...pollBody(value, 1, true)).body, 0);
  const write = (fh: number, text: string) =>
    kernel.ask(FuseOpcode.FUSE_WRITE, {}, ...writeBody(fh, Buffer.from(text))).errno;
  const read = () => kernel.ask(FuseOpcode.FUSE_READ, {}, ...readBody(value)).body.toString();
  line.set(1);
  assert.deepEqual([poll(), write(edge, 'sideways\n'), write(edge, 'falling\n'), poll()], [IDLE, 22, 0, IDLE]);
  line.set(0);
  assert.equal(kernel.transport.take().length, 1);
  assert.deepEqual([poll(), poll(), read(), poll()], [EDGE, EDGE, '0\n', IDLE]);
  line.set(1);
  assert.deepEqual([poll(), read(), write(value, '2')], [IDLE, '1\n', 22]);
  kernel.send(FuseOpcode.FUSE_WRITE, {}, ...writeBody(value, Buffer.from('0\n')));
  // The answer to the write, and the wake-up that it caused.
  assert.equal(kernel.transport.take().length, 2);
  assert.equal(poll(), EDGE);
});

const readme = fileURLToPath(new URL('../../../examples/gpio/README.md', import.meta.url));

function whyNot(): string | false {
  if (process.getuid?.() !== 0 || !existsSync('/dev/fuse')) return 'needs root and /dev/fuse';
  if (spawnSync('python3', ['--version']).status !== 0) return 'no python3 here';
  return existsSync(readme) ? false : `no ${readme}`;
}

test('the program of the README waits for three rising edges', { skip: whyNot(), timeout: 30_000 }, async t => {
  const program = /```python\n(.*?)```/s.exec(readFileSync(readme, 'utf8'))?.[1];
  assert.ok(program);
  const path = mkdtempSync(join(tmpdir(), 'afukit-gpio-'));
  const line = new GpioLine();
  const mounted = await mount(path, directory({ gpio17: line.tree() }), { subtype: 'gpio' });
  const child = spawn('python3', ['-c', program, `${path}/gpio17`], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    child.kill('SIGKILL');
    await mounted.unmount();
    rmdirSync(path);
  });
  const lines: string[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    lines.push(text);
    line.set(0);
    line.set(1);
  }
  assert.deepEqual(lines, ['waiting', 'level 1', 'level 1', 'level 1']);
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0);
});
