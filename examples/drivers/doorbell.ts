import { EventQueue, defineDriver, type AfuDriver, type Context } from 'afukit/driver';

const queues = new Map<Context, EventQueue>();

/** Sends what is written to debug/cxl/afuC.S/bell to everybody who has that AFU open. */
const doorbell: AfuDriver = defineDriver({
  name: 'doorbell',
  open(context) {
    queues.set(context, new EventQueue(context, { capacity: 8 }));
  },
  release(context) {
    queues.delete(context);
  },
  controls: afu => ({
    bell: {
      write(bytes) {
        for (const queue of queues.values()) if (queue.context.afu === afu) queue.post(bytes);
      },
    },
  }),
});

export default doorbell;
