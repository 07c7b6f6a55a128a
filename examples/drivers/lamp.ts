import {
  defineDriver,
  defineEvents,
  type AfuDriver,
  type Context,
  type EventCodec,
  type TypedQueue,
} from 'afukit/driver';

const events = { switched: { on: 'u8' }, burnt: { hours: 'u32', hottest: 's16' } } as const;

/** What the driver posts, what a client in TypeScript decodes, and what a C header is made of. */
export const lampEvents: EventCodec<typeof events> = defineEvents(events);

const queues = new Map<Context, TypedQueue<typeof events>>();

const lamp: AfuDriver = defineDriver({
  name: 'lamp',
  open: context => void queues.set(context, lampEvents.queue(context, { capacity: 4, dropOldest: true })),
  release: context => void queues.delete(context),
  controls: afu => ({
    switch: {
      write(bytes) {
        const on = bytes[0] === 0x31 ? 1 : 0;
        for (const lamp of queues.values()) if (lamp.queue.context.afu === afu) lamp.post('switched', { on });
      },
    },
  }),
});

export default lamp;
