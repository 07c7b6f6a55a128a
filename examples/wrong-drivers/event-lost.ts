import { contextEventsPending, defineDriver, setDriverOps, type AfuDriver, type Context } from 'afukit/driver';
import type { DriverCheck } from 'afukit/check';

/** Events of one context, and memory for more. */
class Port {
  readonly queue: Uint8Array[] = [];
  readonly free: Uint8Array[] = [];
}

const ports = new Map<Context, Port>();

const driver: AfuDriver = defineDriver({
  name: 'event-lost',
  open(context, owner) {
    const port = new Port();
    ports.set(context, port);
    setDriverOps(context, {
      owner,
      fetchEvent() {
        const data = port.queue.shift();
        if (!data) return null;
        // WRONG, on purpose: until eventDelivered the core may need it again.
        port.free.push(data);
        return { dataSize: data.length, data };
      },
      eventDelivered() {},
    });
  },
  release: context => void ports.delete(context),
});

export default driver;

export const check: DriverCheck = {
  post(context, serial) {
    const port = ports.get(context)!;
    const data = port.free.pop() ?? new Uint8Array(1);
    data[0] = serial;
    port.queue.push(data);
    contextEventsPending(context, 1);
  },
};
