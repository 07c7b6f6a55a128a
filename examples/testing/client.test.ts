import assert from 'node:assert/strict';
import { test } from 'node:test';

import { echo } from 'afukit/afu';
import { serveDevices, whyNot } from 'afukit/testing';

test('the client reads what the card and its driver raise', { skip: whyNot() }, async () => {
  await using host = await serveDevices({ afus: [echo({ irqsMin: 4 })] });
  const client = await host.spawn('python3', ['examples/greeter/client.py', host.path(), '2']);

  await host.waiting();
  host.inject.interrupt(0, 3);
  await host.event({ kind: 'interrupt', irq: 3 });

  await host.waiting();
  host.inject.event(0, 'hello');
  await host.event({ kind: 'driver' });

  assert.deepEqual(await client.remaining(), ['interrupt 3', 'driver event: hello']);
  assert.equal((await client.ended).code, 0);
});
