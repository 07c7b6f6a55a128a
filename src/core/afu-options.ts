import type { Context } from './context.ts';
import type { DriverModule } from './driver-module.ts';
import type { AfuDriver } from './driver-ops.ts';
import type { ProblemState } from './problem-state.ts';

/** How an AFU is shared: by one process, by many, or not at all while it has no mode. */
export type AfuMode = 'dedicated_process' | 'afu_directed' | 'none';

/** The hardware behind an AFU. C original: `struct cxl_backend_ops` (drivers/misc/cxl/cxl.h). */
export interface AfuBackend {
  readonly name: string;
  /** False: it never touches the memory of its programs, and START_WORK need not take hold of it. Default true. */
  readonly usesMemory?: boolean | undefined;
  /** Starts `context.work`; throws to refuse it: a CxlError's errno is what START_WORK returns. */
  attachProcess(context: Context): void;
  /** Ends the work; the context is CLOSED and nothing that is raised on it counts any more. */
  detachProcess(context: Context): void;
  /** Something was stored in the context's window by a system call; what a mapping stores, nobody says. */
  stored?(context: Context): void;
  /** Back to the state after power-on; no work is attached. The AFU is not enabled until a promise settles. */
  reset?(): void | Promise<void>;
}

/** What an AFU shows of itself in the manner of a PCI device: `cr<N>/` in sysfs. */
export interface ConfigurationRecord {
  /** 16 bits. */
  readonly vendor: number;
  /** 16 bits. */
  readonly device: number;
  /** 24 bits. */
  readonly class: number;
  /** The configuration space, 1 to 4096 bytes; default: 256 that hold the three numbers, and zeroes. */
  readonly config?: Uint8Array | undefined;
}

/** What is prefaulted at attach. Kept and shown; memory here needs no prefaulting. */
export type PrefaultMode = 'none' | 'work_element_descriptor' | 'all';

/** What an AFU can do, as its descriptor says on hardware. */
export interface AfuOptions {
  readonly backend: AfuBackend;
  /** The AFU driver that delivers its own events on this AFU's contexts; a plain driver is loaded as a module. */
  readonly driver?: AfuDriver | DriverModule | undefined;
  /** Default: `afu_directed` alone. The first that is supported, afu_directed before dedicated_process, is the mode. */
  readonly modes?: readonly Exclude<AfuMode, 'none'>[] | undefined;
  /** How many contexts can be open in afu_directed mode, 1 to 16384; default 512. Dedicated mode has one. */
  readonly numProcs?: number | undefined;
  /** Interrupts that every context gets, 0 to the adapter's number; default 1. */
  readonly irqsMin?: number | undefined;
  /** Interrupts that a context may ask for, irqsMin to the adapter's number; default: that number. */
  readonly irqsMax?: number | undefined;
  /** Events that one read may return, 1 upwards; default 1, as the kernel does. */
  readonly eventsPerRead?: number | undefined;
  /** What becomes of an event whose copy to the reader failed: kept (default), or lost as in the kernel. */
  readonly copyFault?: CopyFault | undefined;
  /** The area that programs map; default: none, and mmap is EINVAL. */
  readonly problemState?: ProblemState | undefined;
  readonly configurationRecords?: readonly ConfigurationRecord[] | undefined;
  /** What is prefaulted until somebody says otherwise through sysfs; default `none`. */
  readonly prefault?: PrefaultMode | undefined;
  /** What the AFU says about its errors: sysfs `afu_err_buff`, 1 byte upwards; default: none, and no such file. */
  readonly errorBuffer?: Uint8Array | undefined;
}

/** `keep`: the event is the next that is read. `drop`: it is lost, as the kernel loses it, for differential tests. */
export type CopyFault = 'keep' | 'drop';
