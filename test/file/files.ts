import { CXL_START_WORK_NUM_IRQS, START_WORK_SIZE, StartWork } from '../../src/abi/index.ts';
import type { AfuOptions, Context } from '../../src/core/index.ts';
import { CxlFile } from '../../src/file/index.ts';
import { rig, type Rig } from '../core/rig.ts';

export interface OpenRig extends Rig {
  readonly file: CxlFile;
  readonly context: Context;
}

/** One open file of a rig, not started. */
export function openRig(options: Partial<AfuOptions> = {}): OpenRig {
  const made = rig(options);
  const file = new CxlFile(made.afu.openContext());
  return { ...made, file, context: file.context };
}

/** One open file of a rig, started with 64 interrupts. */
export function startedFile(options: Partial<AfuOptions> = {}): OpenRig {
  const made = openRig(options);
  made.file.startWork({ numInterrupts: 64 });
  return made;
}

export function startWorkBytes(work: Partial<StartWork> = {}, size: number = START_WORK_SIZE): Uint8Array {
  const bytes = new Uint8Array(size);
  StartWork.encode(work, bytes);
  return bytes;
}

/** START_WORK for so many interrupts. */
export function interrupts(numInterrupts: number): Partial<StartWork> {
  return { flags: CXL_START_WORK_NUM_IRQS, numInterrupts };
}
