import { defineEvents } from 'afukit/driver';

/** The driver's events, declared once: what is posted, what a client decodes, and client/flash_events.h. */
export const flashEvents = defineEvents({
  lunResized: { lun: 'u32', blocks: 'u64' },
  linkReset: { port: 'u8', resets: 'u32' },
  commandTimeout: { commandTag: 'u32', afterMs: 'u32' },
});
