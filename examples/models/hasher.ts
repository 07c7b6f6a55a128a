import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { defineModel, type AfuModel, type ProcessElement } from 'afukit/afu';

/** What the worker runs: bytes come in, their SHA-256 goes back. */
const code = `
  const { createHash } = require('node:crypto');
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', bytes => parentPort.postMessage(createHash('sha256').update(bytes).digest()));
`;

const workers = new Map<ProcessElement, Worker>();

/** Replaces the 32 bytes at the work element descriptor by their SHA-256, which another thread makes. */
export const hasher: AfuModel = defineModel({
  name: 'hasher',
  // Not waited for by START_WORK. After attachTimeoutMs it is given up.
  async attach(element) {
    const worker = new Worker(code, { eval: true });
    workers.set(element, worker);
    await once(worker, 'online', { signal: element.signal });
  },
  async run(element) {
    const worker = workers.get(element)!;
    worker.postMessage(element.memory.read(element.workElementDescriptor, 32));
    // The signal ends each wait at detach.
    const [digest] = (await once(worker, 'message', { signal: element.signal })) as [Uint8Array];
    element.memory.write(element.workElementDescriptor, digest);
    element.interrupt(1);
  },
  async detach(element) {
    await workers.get(element)?.terminate();
    workers.delete(element);
  },
});
