import type { Context } from 'afukit/driver';

import { flashEvents } from './events.ts';
import type { Channel } from './notices.ts';

/** Events that wait for a reader that is behind; the oldest give way, and an event `dropped` says how many did. */
const CAPACITY = 16;

/** With CXL_AFU_DRIVER_OPS: every notice is an event of the driver's, with all of its values. */
export function typedChannel(context: Context): Channel {
  const events = flashEvents.queue(context, { capacity: CAPACITY, dropOldest: true });
  return { notify: ({ name, values }) => void events.post(name, values) };
}
