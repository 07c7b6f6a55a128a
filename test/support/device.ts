import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { afuOptions, type AfuDefinition, type AfuModel, type ProcessElement } from '../../src/afu/index.ts';
import { Adapter, type Afu, type Context } from '../../src/core/index.ts';
import { serveDevices, type DevicePermissions } from '../../src/devfs/index.ts';
import { EventQueue, defineDriver } from '../../src/driver/index.ts';
import { mountsBelow, atEnd, temporaryDirectory } from './cleanup.ts';
import { until } from './until.ts';

export interface DeviceOptions extends Omit<Partial<AfuDefinition>, 'model' | 'driver'> {
  /** START_WORK asks this; what it throws is the errno. */
  readonly attach?: AfuModel['attach'];
  readonly permissions?: Partial<DevicePermissions>;
  /** What the server may say without being at fault. */
  readonly mayComplain?: RegExp;
}

/** One AFU served by this very process, and every string that moves it: what happens is up to the test. */
export class Device {
  readonly directory: string;
  readonly adapter: Adapter;
  readonly afu: Afu;
  /** The driver's queue of each open context. */
  readonly queues: Map<Context, EventQueue>;
  /** What the adapter and the session complained about; a test that expects something takes it out. */
  readonly complaints: string[];
  readonly #elements: Map<number, ProcessElement>;

  /** @internal */
  constructor(
    directory: string,
    adapter: Adapter,
    queues: Map<Context, EventQueue>,
    elements: Map<number, ProcessElement>,
    complaints: string[],
  ) {
    this.directory = directory;
    this.adapter = adapter;
    this.afu = adapter.afus[0]!;
    this.queues = queues;
    this.#elements = elements;
    this.complaints = complaints;
  }

  path(view: 'd' | 'm' | 's' = 's'): string {
    return join(this.directory, 'dev/cxl', `${this.afu.name}${view}`);
  }

  /** The open context of a process element. */
  context(pe: number = 0): Context {
    const context = this.afu.contexts.get(pe);
    assert.ok(context, `no context has process element ${pe}`);
    return context;
  }

  /** The process element, once a program has started work on it. */
  started(pe: number = 0): Promise<ProcessElement> {
    return until(`work is started on process element ${pe}`, () => this.#elements.get(pe));
  }

  /** Once somebody sleeps on the context, whether in read or behind poll. */
  async waitedFor(pe: number = 0): Promise<ProcessElement> {
    const element = await this.started(pe);
    await until(`somebody waits on process element ${pe}`, () => !this.context(pe).waiters.empty);
    return element;
  }

  /** Posts a driver event. */
  post(payload: string, pe: number = 0): void {
    assert.ok(this.queues.get(this.context(pe))!.post(Buffer.from(payload)));
  }

  /** Once the last descriptor of every context is gone. */
  async idle(): Promise<void> {
    await until('no context is open', () => this.afu.contexts.size === 0);
  }
}

/** Serves one AFU on a mount of the test's own. */
export async function serve(t: TestContext, options: DeviceOptions = {}): Promise<Device> {
  const { attach, permissions, mayComplain, ...rest } = options;
  const directory = await temporaryDirectory(t);
  const queues = new Map<Context, EventQueue>();
  const elements = new Map<number, ProcessElement>();
  const complaints: string[] = [];
  const model: AfuModel = {
    name: 'test',
    attach(element) {
      void attach?.(element);
      elements.set(element.id, element);
    },
    detach: element => void elements.delete(element.id),
  };
  const driver = defineDriver({
    name: 'test',
    open: context => void queues.set(context, new EventQueue(context)),
    release: context => void queues.delete(context),
  });
  const adapter = new Adapter({
    afus: [afuOptions({ irqsMin: 4, ...rest, model, driver })],
    // A busy machine is not the driver's fault.
    callbackBudgetMs: Infinity,
    onDiagnostic: ({ source, problem }) => {
      if (!mayComplain?.test(problem)) complaints.push(`${source}: ${problem}`);
    },
  });
  await mountAt(t, directory, [adapter], complaints, permissions);
  return new Device(directory, adapter, queues, elements, complaints);
}

/** Mounts adapters of the test's own making; returns the directory. */
export async function mountAdapters(
  t: TestContext,
  adapters: readonly Adapter[],
  permissions?: Partial<DevicePermissions>,
): Promise<string> {
  const directory = await temporaryDirectory(t);
  await mountAt(t, directory, adapters, [], permissions);
  return directory;
}

async function mountAt(
  t: TestContext,
  directory: string,
  adapters: readonly Adapter[],
  complaints: string[],
  permissions: Partial<DevicePermissions> | undefined,
): Promise<void> {
  const mount = await serveDevices(directory, adapters, {
    permissions,
    onWarning: warning => complaints.push(warning),
  });
  atEnd(t, async () => {
    await mount.unmount();
    assert.deepEqual(mountsBelow(directory), [], 'unmounted');
    const open = adapters.flatMap(({ afus }) => afus.map(({ contexts }) => contexts.size));
    assert.ok(
      open.every(count => count === 0),
      'every context was released',
    );
    assert.deepEqual(complaints, [], 'nothing to complain about');
  });
}
