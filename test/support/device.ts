import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import type { AfuDefinition, AfuModel, ProcessElement } from '../../src/afu/index.ts';
import type { Adapter, Afu, Context } from '../../src/core/index.ts';
import { serveDevices as serveAt, type DevicePermissions } from '../../src/devfs/index.ts';
import { EventQueue, defineDriver } from '../../src/driver/index.ts';
import { serveDevices, type Host } from '../../src/testing/index.ts';
import { mountsBelow, atEnd, temporaryDirectory } from './cleanup.ts';

export interface DeviceOptions extends Omit<Partial<AfuDefinition>, 'model' | 'driver'> {
  /** START_WORK asks this; what it throws is the errno. */
  readonly attach?: AfuModel['attach'];
  readonly permissions?: Partial<DevicePermissions>;
  /** What the server may say without being at fault. */
  readonly mayComplain?: RegExp;
}

/** One AFU served by this very process, and every string that moves it: what happens is up to the test. */
export class Device {
  readonly host: Host;
  readonly directory: string;
  readonly adapter: Adapter;
  readonly afu: Afu;
  /** The driver's queue of each open context. */
  readonly queues: Map<Context, EventQueue>;
  readonly #elements: Map<number, ProcessElement>;

  /** @internal */
  constructor(host: Host, queues: Map<Context, EventQueue>, elements: Map<number, ProcessElement>) {
    this.host = host;
    this.directory = host.directory;
    this.afu = host.afu();
    this.adapter = host.adapter();
    this.queues = queues;
    this.#elements = elements;
  }

  path(view: 'd' | 'm' | 's' = 's'): string {
    return this.host.path(`${this.afu.name}${view}`);
  }

  /** The open context of a process element. */
  context(pe: number = 0): Context {
    return this.host.context(pe);
  }

  /** The process element, once a program has started work on it. */
  started(pe: number = 0): Promise<ProcessElement> {
    return this.host.until(`work is started on process element ${pe}`, () => this.#elements.get(pe));
  }

  /** Once work is started and somebody sleeps on the context, whether in read or behind poll. */
  async waitedFor(pe: number = 0): Promise<ProcessElement> {
    const element = await this.started(pe);
    await this.host.waiting(pe);
    return element;
  }

  /** Posts a driver event. */
  post(payload: string, pe: number = 0): void {
    assert.ok(this.queues.get(this.context(pe))!.post(Buffer.from(payload)));
  }

  /** Once the last descriptor of every context is gone. */
  idle(): Promise<void> {
    return this.host.idle();
  }
}

/** Serves one AFU on a mount of the test's own. */
export async function serve(t: TestContext, options: DeviceOptions = {}): Promise<Device> {
  const { attach, permissions, mayComplain, ...rest } = options;
  const queues = new Map<Context, EventQueue>();
  const elements = new Map<number, ProcessElement>();
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
  const host = await serveDevices({ afus: [{ irqsMin: 4, ...rest, model, driver }], permissions, mayComplain });
  atEnd(t, async () => {
    await host.close();
    assertGone(host.directory, host.adapters);
  });
  return new Device(host, queues, elements);
}

/** Mounts adapters of the test's own making; returns the directory. */
export async function mountAdapters(
  t: TestContext,
  adapters: readonly Adapter[],
  permissions?: Partial<DevicePermissions>,
): Promise<string> {
  const directory = await temporaryDirectory(t);
  const complaints: string[] = [];
  const mount = await serveAt(directory, adapters, { permissions, onWarning: warning => complaints.push(warning) });
  atEnd(t, async () => {
    await mount.unmount();
    assertGone(directory, adapters);
    assert.deepEqual(complaints, [], 'nothing to complain about');
  });
  return directory;
}

function assertGone(directory: string, adapters: readonly Adapter[]): void {
  assert.deepEqual(mountsBelow(directory), [], 'unmounted');
  const open = adapters.flatMap(({ afus }) => afus.map(({ contexts }) => contexts.size));
  assert.ok(
    open.every(count => count === 0),
    'every context was released',
  );
}
