import type { CopyFault, DriverOpsForm } from '../core/index.ts';
import type { Budget } from './actors/actor.ts';
import type { ReaderSpec } from './actors/reader.ts';
import type { DriverFile } from './user-driver.ts';

/** `core`: used as a kernel's read and poll use it; `file`: `CxlFile` in process; `fuse`: device files of a mount. */
export type DoorName = 'core' | 'file' | 'fuse';

/** Who takes part in a scenario, and how often each may do what. */
export interface Setup {
  readonly door: DoorName;
  /** Open files, each with a context; default 1. */
  readonly contexts?: number | undefined;
  readonly eventsPerRead?: number | undefined;
  readonly copyFault?: CopyFault | undefined;
  /** The AFU's driver, which has a queue in this form; `rogue`: one of its own, that goes wrong on demand. */
  readonly driver?: { readonly form: DriverOpsForm; readonly rogue?: boolean } | undefined;
  /** Instead: somebody's own, loaded anew for each world. */
  readonly user?: (() => DriverFile) | undefined;
  /** The driver's queue takes events that are larger than 4096 bytes. */
  readonly large?: boolean | undefined;
  /** False: START_WORK is one of the steps. Default true. */
  readonly started?: boolean | undefined;
  readonly readers: readonly ReaderSpec[];
  /** What the AFU raises on each context. */
  readonly hardware?: Budget | undefined;
  /** What the driver does for each context. */
  readonly posts?: Budget | undefined;
  /** What happens to each context, and to the card. */
  readonly life?: Budget | undefined;
  readonly card?: Budget | undefined;
  /** What happens to the driver's module. */
  readonly modules?: Budget | undefined;
}
