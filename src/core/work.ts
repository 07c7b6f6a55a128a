import type { ProgramMemory } from './program-memory.ts';

/**
 * - `OPENED`: no work yet; nothing is pending, a reader waits.
 * - `STARTED`: work was started, the AFU raises events.
 * - `CLOSED`: detached; what was pending is still read, then read is EIO and poll POLLERR, for ever (C5).
 *
 * C original: `enum cxl_context_status` (drivers/misc/cxl/cxl.h).
 */
export type ContextStatus = 'OPENED' | 'STARTED' | 'CLOSED';

/** What a context is started with: START_WORK's arguments after validation. */
export interface Work {
  /** Work element descriptor: 64 bits that mean something to the AFU alone. */
  readonly wed: bigint;
  /** Authority mask register, 0n unless asked for. */
  readonly amr: bigint;
  /** How many AFU interrupts, numbered from 1, `irqsMin` to `irqsMax` of the AFU. */
  readonly interrupts: number;
  /** After detach the problem state area reads as all-ones instead of raising SIGBUS. */
  readonly mmioErrorsAllOnes: boolean;
  /** The process whose memory the AFU works in: the one that started the work, not the one that opened. */
  readonly pid: number;
  /** That process's memory; absent where the door cannot reach one. Closed when the work is over. */
  readonly memory?: ProgramMemory | undefined;
}

/** How a context is opened. */
export interface OpenOptions {
  /** As `afuC.Sm` does; default: as `s` or `d` does. */
  readonly master?: boolean | undefined;
  /** The process that opens, for whoever lists contexts; default 0, none. */
  readonly pid?: number | undefined;
}
