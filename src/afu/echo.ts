import { CxlError, type Afu, type AfuDriver, type Context } from '../core/index.ts';
import { EventQueue, defineDriver } from '../driver/index.ts';
import { defineAfu, type AfuDefinition } from './model.ts';

export interface EchoOptions extends Omit<Partial<AfuDefinition>, 'model' | 'driver'> {
  /** Events that wait for each context's reader before a write is refused; default 64. */
  readonly capacity?: number | undefined;
}

/** The driver alone: hands what is written to its control file `echo` to every open context, as a driver event. */
export function echoDriver(capacity?: number): AfuDriver {
  const queues = new Map<Context, EventQueue>();

  function write(afu: Afu, bytes: Uint8Array): void {
    const readers = [...queues.values()].filter(queue => queue.context.afu === afu);
    if (readers.length === 0) throw new CxlError('ENXIO', 'write', `nobody has ${afu.name} open`);
    // All or none: a refused write must be safe to repeat.
    if (readers.some(queue => queue.length === queue.capacity))
      throw new CxlError('EAGAIN', 'write', 'a reader is behind');
    for (const queue of readers) queue.post(bytes);
  }

  return defineDriver({
    name: 'echo',
    open: context => void queues.set(context, new EventQueue(context, { capacity })),
    release: context => void queues.delete(context),
    controls: afu => ({ echo: { write: bytes => write(afu, bytes) } }),
  });
}

/** An AFU that does no work, with a driver that echoes its control file `debug/cxl/afuC.S/echo`. */
export function echo(options: EchoOptions = {}): AfuDefinition {
  const { capacity, ...definition } = options;
  return defineAfu({
    ...definition,
    model: { name: 'echo', usesMemory: false, attach() {} },
    driver: echoDriver(capacity),
  });
}
