import type { AfuModel } from 'afukit/afu';

import { COMMAND_DONE } from './notices.ts';

/** The card: it answers the first command of each process element, the driver's own check, as soon as work is started. */
export const flashCard: AfuModel = {
  name: 'flash-card',
  attach: element => queueMicrotask(() => element.interrupt(COMMAND_DONE)),
};
