/**
 * `afukit` in Node: the same as elsewhere, with every tracepoint on the diagnostics channel of its name.
 *
 * @module
 */
import { channel } from 'node:diagnostics_channel';

import { connectTracepoints } from './core/index.ts';

export * from './index.ts';

connectTracepoints(channel);
