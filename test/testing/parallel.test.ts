/* Hosts beside each other, in one process and in several, know nothing of each other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { echo } from '../../src/afu/index.ts';
import { serveDevices } from '../../src/testing/index.ts';
import { cClient } from '../support/clients.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';
import { start } from '../support/program.ts';

/** A program of its own reads two events of its own. */
async function scenario(irq: number): Promise<string> {
  await using host = await serveDevices({ afus: [echo({ irqsMin: 12 })] });
  const client = await host.spawn(cClient(), [host.path('afu0.0s'), 'read', '2']);
  await host.waiting();
  host.inject.interrupt(0, irq);
  await host.event({ irq });
  await host.waiting();
  host.inject.event(0, `of ${irq}`);
  await client.ended;
  assert.deepEqual(
    host.delivered.map(({ kind, irq, context }) => [kind, irq, context.afu === host.afu()]),
    [
      ['interrupt', irq, true],
      ['driver', undefined, true],
    ],
  );
  return host.directory;
}

describe('hosts beside each other', { skip: any(noFuse(), noCompiler()) }, () => {
  it('in one process: the same names, and each its own events; no warning, however many', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    const directories = await Promise.all(Array.from({ length: 12 }, (_, index) => scenario(index + 1)));
    assert.equal(new Set(directories).size, 12);
    process.off('warning', warned);
    assert.deepEqual(warnings, []);
  });

  it('in several processes: each takes down its own alone', async t => {
    const program = fileURLToPath(new URL('../programs/testing-host.js', import.meta.url));
    const hosts = [0, 1, 2].map(() => start(t, process.execPath, [program, 'close']));
    const served = await Promise.all(hosts.map(async host => JSON.parse(await host.line()) as { directory: string }));
    assert.equal(new Set(served.map(({ directory }) => directory)).size, 3);
    for (const host of hosts) host.send('now');
    for (const host of hosts) assert.deepEqual([(await host.ended).code, host.stderr], [0, '']);
  });
});
