import type { Context } from 'afukit/driver';

import { noticeInterrupts, type Channel } from './notices.ts';

/** Without CXL_AFU_DRIVER_OPS: an interrupt says what kind of thing happened, the control file says the rest. */
export function interruptChannel(context: Context): Channel {
  return { notify: ({ name }) => context.raiseInterrupt(noticeInterrupts[name]) };
}
