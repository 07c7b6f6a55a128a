import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { diagnosticText, tracepoints, type CxlFile } from 'afukit';
import { config } from 'afukit/config';
import {
  contextEventsPending,
  defineDriver,
  setDriverOps,
  type Context,
  type DriverModule,
  type DriverOps,
} from 'afukit/driver';

import { Rig, guide } from './rig.ts';

/** Callbacks of one form, of which a case replaces some with what a driver must not do. */
type Callbacks = Readonly<Record<string, unknown>>;
const poll: Callbacks = { eventPending: () => true, deliverEvent: () => 0 };
const fetch: Callbacks = { fetchEvent: () => ({ dataSize: 4, data: new Uint8Array(4) }), eventDelivered() {} };

/** What the guide says of a fault: the diagnostic, and the ops that bring it about once they are read. */
const faults: readonly (readonly [text: string, callbacks: Callbacks])[] = [
  [
    'driver lamp: eventPending, afu0.0 pe 0: threw; not asked again until the driver posts (Error: dim)',
    {
      ...poll,
      eventPending() {
        throw new Error('dim');
      },
    },
  ],
  [
    'driver lamp: fetchEvent, afu0.0 pe 0: returned a promise: it may not sleep; not asked again until the driver posts',
    { ...fetch, fetchEvent: () => Promise.resolve(null) },
  ],
  [
    'driver lamp: eventPending, afu0.0 pe 0: returned 1, not true or false; not asked again until the driver posts',
    { ...poll, eventPending: () => 1 },
  ],
  [
    'driver lamp: eventPending, afu0.0 pe 0: posted from inside itself, and would be asked for ever; not asked again until the driver posts',
    {
      ...poll,
      eventPending(context: Context) {
        contextEventsPending(context, 0);
        return true;
      },
    },
  ],
  [
    'driver lamp: deliverEvent, afu0.0 pe 0: returned -1, not a payload length from 0 to 4088; not asked again until the driver posts',
    { ...poll, deliverEvent: () => -1 },
  ],
  [
    'driver lamp: fetchEvent, afu0.0 pe 0: returned undefined, not null or { dataSize, data: Uint8Array }; not asked again until the driver posts',
    { ...fetch, fetchEvent: () => undefined },
  ],
  [
    'driver lamp: fetchEvent, afu0.0 pe 0: returned an event of 5 bytes where 4 are possible; not asked again until the driver posts',
    { ...fetch, fetchEvent: () => ({ dataSize: 5, data: new Uint8Array(4) }) },
  ],
  [
    'driver lamp: fetchEvent, afu0.0 pe 0: had nothing though 2 more had been announced, which are cancelled; not asked again until the driver posts',
    { ...fetch, fetchEvent: () => null },
  ],
  [
    "driver lamp: fetchEvent, afu0.0 pe 0: an event of 33 bytes: libcxl's cxl_read_event holds 32 and overruns with more",
    { ...fetch, fetchEvent: once(() => ({ dataSize: 33, data: new Uint8Array(33) })) },
  ],
];

/** What is refused at registration. */
const refusals: readonly (readonly [text: string, ops: Callbacks])[] = [
  ['driver ops need eventPending and deliverEvent, or fetchEvent and eventDelivered', {}],
  ['driver ops need a function deliverEvent', { eventPending: () => true }],
  [
    'driver ops mix the two forms: eventPending/deliverEvent and fetchEvent/eventDelivered',
    { ...poll, fetchEvent: () => null },
  ],
  ['fetchEvent must not be async: nobody waits for it', { ...fetch, fetchEvent: () => {}, ...asyncFetch() }],
  ['driver ops need an owner, the DriverModule they belong to', { ...poll, owner: {} }],
  ['maxDataSize must be a whole number from 0 to 65527, not 65528', { ...poll, maxDataSize: 65528 }],
];

function asyncFetch(): Callbacks {
  // oxlint-disable-next-line require-await -- that it is async is what is wrong with it
  return { fetchEvent: async () => null };
}

function once<T>(event: () => T): () => T | null {
  let left = 1;
  return () => (left-- > 0 ? event() : null);
}

/** An open file with these ops, and what was said about them. */
function opened(callbacks: Callbacks, options?: ConstructorParameters<typeof Rig>[1]) {
  const rig = new Rig(defineDriver({ name: 'lamp' }), options);
  const file = rig.open();
  const owner: DriverModule = rig.afu.driver!;
  setDriverOps(file.context, { owner, ...callbacks } as unknown as DriverOps);
  return { rig, file, said: () => rig.diagnostics.map(diagnosticText) };
}

function shown(text: string): void {
  assert.ok(guide.includes(`\`${text}\``) || guide.includes(`\n${text}\n`), `docs/drivers.md does not show: ${text}`);
}

/** The type of the next event. */
function next(file: CxlFile): number {
  const buffer = Buffer.alloc(4096);
  file.readSync(buffer);
  return buffer.readUInt16LE(0);
}

function slow(): boolean {
  const end = performance.now() + 3;
  while (performance.now() < end);
  return true;
}

function fail(): never {
  throw new Error('dark');
}

/** The names in the first column of a section's table. */
function rowsOf(heading: string): string[] {
  const section = guide.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!).toSorted();
}

describe('what docs/drivers.md says of a faulty driver', () => {
  for (const [text, callbacks] of faults) {
    it(text, async () => {
      const { file, said } = opened(callbacks);
      await using _ = file;
      file.context.raiseInterrupt(1);
      contextEventsPending(file.context, 2);
      while (next(file) !== 1);
      const first = said()[0]!;
      assert.equal(first, text);
      shown(text);
    });
  }

  it('says each fault once, until the driver posts again', async () => {
    const { file, said } = opened({ ...fetch, fetchEvent: () => undefined });
    await using _ = file;
    contextEventsPending(file.context, 1);
    for (let i = 0; i < 5; i++) assert.equal(file.poll(), 0);
    assert.equal(said().length, 1);
    contextEventsPending(file.context, 1);
    assert.equal(file.poll(), 0);
    assert.equal(said().length, 2);
  });

  it('re-entrance', async () => {
    const { file, said } = opened({ ...poll, eventPending: () => file.poll() !== 0 });
    await using _ = file;
    assert.equal(file.poll(), 0);
    const text =
      'driver lamp: eventPending, afu0.0 pe 0: called poll on its own context; not asked again until the driver posts (CxlError: EDEADLK: resource deadlock avoided, poll: called from eventPending of driver lamp)';
    assert.deepEqual(said(), [text]);
    shown(text);
  });

  it('a callback that takes too long, which is said and nothing more', async () => {
    const { file, said } = opened({ ...poll, eventPending: slow }, { callbackBudgetMs: 2 });
    await using _ = file;
    assert.notEqual(file.poll(), 0);
    assert.match(said()[0]!, /^driver lamp: eventPending, afu0\.0 pe 0: took \d+\.\d ms, more than 2 ms$/);
    shown('driver lamp: eventPending, afu0.0 pe 0: took 3.0 ms, more than 2 ms');
  });

  it('a post to a context that is closed', () => {
    const rig = new Rig(defineDriver({ name: 'lamp', open() {} }));
    const file = rig.open();
    const { context } = file;
    file.close();
    for (let i = 0; i < 3; i++) contextEventsPending(context, 1);
    const text =
      'driver lamp: contextEventsPending, afu0.0 pe 0: posted to a context that is closed; nobody will read it';
    assert.deepEqual(rig.diagnostics.map(diagnosticText), [text]);
    shown(text);
  });

  it('hooks that throw', () => {
    const open = new Rig(defineDriver({ name: 'lamp', open: fail }));
    assert.throws(() => open.open(), { code: 'EIO' });
    const release = new Rig(defineDriver({ name: 'lamp', release: fail }));
    release.open().close();
    const texts = [
      'driver lamp: open, afu0.0 pe 0: threw (Error: dark)',
      'driver lamp: release, afu0.0 pe 0: threw (Error: dark)',
    ];
    assert.deepEqual([...open.diagnostics, ...release.diagnostics].map(diagnosticText), texts);
    for (const text of texts) shown(text);
  });

  for (const [text, callbacks] of refusals) {
    it(`refuses ops: ${text}`, async () => {
      const rig = new Rig(defineDriver({ name: 'lamp' }));
      await using file = rig.open();
      const ops = { owner: rig.afu.driver, ...callbacks } as unknown as DriverOps;
      assert.throws(() => setDriverOps(file.context, ops), { code: 'EINVAL' });
      assert.equal(rig.diagnostics[0]?.problem, text);
      assert.equal(file.context.driverOps, undefined);
      shown(text);
    });
  }
});

describe('docs/drivers.md names', () => {
  it('every tracepoint', () => {
    const names = Object.values(tracepoints).map(({ name }) => name);
    assert.deepEqual(rowsOf('Tracepoints'), names.toSorted());
  });

  it('every counter', async () => {
    const rig = new Rig(defineDriver({ name: 'lamp' }));
    await using file = rig.open();
    assert.deepEqual(rowsOf('Counters'), Object.keys(file.context.counters).toSorted());
  });

  it('every capability', () => {
    assert.deepEqual(rowsOf('Capabilities'), Object.keys(config).toSorted());
  });
});
