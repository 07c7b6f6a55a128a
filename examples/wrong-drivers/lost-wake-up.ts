import { contextEventsPending, defineDriver, setDriverOps, type AfuDriver, type Context } from 'afukit/driver';
import type { DriverCheck } from 'afukit/check';

const queues = new Map<Context, number[]>();

const driver: AfuDriver = defineDriver({
  name: 'lost-wake-up',
  open(context, owner) {
    const queue: number[] = [];
    queues.set(context, queue);
    setDriverOps(context, {
      owner,
      eventPending: () => queue.length > 0,
      deliverEvent(_context, buffer, offset) {
        buffer[offset] = queue.shift()!;
        return 1;
      },
    });
  },
  release: context => void queues.delete(context),
});

export default driver;

export const check: DriverCheck = {
  /** WRONG, on purpose: readers are woken before there is anything to read, look, and sleep again. */
  post(context, serial) {
    contextEventsPending(context, 0);
    queues.get(context)!.push(serial);
  },
  serial: payload => payload[0],
};
