import {
  AFU_ID_SIZE,
  AfuId,
  CXL_AFUID_FLAG_SLAVE,
  CXL_MODE_DEDICATED,
  CXL_MODE_DIRECTED,
  CXL_START_WORK_ALL,
  CXL_START_WORK_AMR,
  CXL_START_WORK_ERR_FF,
  CXL_START_WORK_NUM_IRQS,
  CXL_START_WORK_TID,
  CxlIoctl,
  PROCESS_ELEMENT_SIZE,
  ProcessElement,
  START_WORK_SIZE,
  StartWork,
  type CxlIoctlName,
} from '../abi/index.ts';
import { CxlError, type Context, type ProgramMemory } from '../core/index.ts';

/** Who calls ioctl, as far as the driver asks. */
export interface Caller {
  /** The process in whose memory the work is done; 0 where there is none. */
  readonly pid: number;
  /** Takes hold of that process's memory, for an accelerator to work in; closed by the core. Absent where there is none. */
  readonly memory?: (() => ProgramMemory | undefined) | undefined;
  /**
   * Brings START_WORK's structure back to the caller, whose command number asks for input only.
   * @throws CxlError EFAULT
   */
  readonly copyBack?: ((argument: Uint8Array) => void) | undefined;
}

/** A command's argument: read from, and written to in place. Too short an argument is EFAULT, as a bad pointer is. */
type Handler = (context: Context, argument: Uint8Array, caller: Caller) => void;

const handlers: Partial<Record<CxlIoctlName, Handler>> = {
  CXL_IOCTL_START_WORK: startWork,
  CXL_IOCTL_GET_PROCESS_ELEMENT: getProcessElement,
  CXL_IOCTL_GET_AFU_ID: getAfuId,
};

/** The commands of an AFU's device file, with the numbers that a machine's ioctl encoding gives them. */
export class IoctlTable {
  readonly #handlers = new Map<number, Handler>();

  /** @param numbers the generic ones (x86, arm64 ...) or `CxlIoctlPowerpc` */
  constructor(numbers: Readonly<Record<CxlIoctlName, number>> = CxlIoctl) {
    for (const [name, handler] of Object.entries(handlers)) {
      this.#handlers.set(numbers[name as CxlIoctlName], handler);
    }
  }

  /**
   * Carries out one ioctl; what it returns to the caller stands in `argument` afterwards.
   * @throws CxlError EIO when the context is CLOSED or the link is down, whatever the command; EINVAL for an unknown
   * command; EFAULT for an argument that is too short; and what the command itself throws
   * C original: `afu_ioctl` (drivers/misc/cxl/file.c).
   */
  call(context: Context, command: number, argument: Uint8Array, caller: Caller): void {
    if (context.status === 'CLOSED') throw new CxlError('EIO', 'ioctl', `${context.name} is CLOSED`);
    if (!context.afu.adapter.linkUp) throw new CxlError('EIO', 'ioctl', `${context.afu.adapter.name} has no link`);
    const handler = this.#handlers.get(command >>> 0);
    if (!handler) throw new CxlError('EINVAL', 'ioctl', `unknown command 0x${(command >>> 0).toString(16)}`);
    handler(context, argument, caller);
  }
}

/** C original: `afu_ioctl_start_work` (drivers/misc/cxl/file.c); the order of the checks is the kernel's. */
function startWork(context: Context, argument: Uint8Array, caller: Caller): void {
  need(argument, START_WORK_SIZE);
  const work = StartWork.decode(argument);
  if (context.status !== 'OPENED') throw new CxlError('EIO', 'ioctl', `${context.name} is started already`);
  if (!reservedAreZero(work)) throw new CxlError('EINVAL', 'ioctl', 'a reserved field of START_WORK is not 0');
  if ((work.flags & ~CXL_START_WORK_ALL) !== 0n) {
    throw new CxlError('EINVAL', 'ioctl', `unknown START_WORK flags 0x${work.flags.toString(16)}`);
  }
  const has = (flag: bigint): boolean => (work.flags & flag) !== 0n;
  const { afu } = context;
  const interrupts = has(CXL_START_WORK_NUM_IRQS) ? work.numInterrupts : afu.irqsMin;
  if (interrupts < afu.irqsMin || interrupts > afu.irqsMax) {
    throw new CxlError('EINVAL', 'ioctl', `${interrupts} interrupts, not ${afu.irqsMin} to ${afu.irqsMax}`);
  }
  context.start({
    wed: work.workElementDescriptor,
    amr: has(CXL_START_WORK_AMR) ? work.amr : 0n,
    interrupts,
    mmioErrorsAllOnes: has(CXL_START_WORK_ERR_FF),
    pid: caller.pid,
    memory: afu.backend.usesMemory === false ? undefined : caller.memory?.(),
  });
  if (has(CXL_START_WORK_TID)) {
    // A POWER8 PSL has no thread ids: the kernel gives 0. A failed copy is EFAULT although the work runs.
    StartWork.encode({ ...work, tid: 0 }, argument);
    caller.copyBack?.(argument);
  }
}

/** What a guest is told until the hypervisor has given the process element a number. */
const NOT_YET = 0xffff_ffff;

/** C original: `afu_ioctl_process_element`. The external id is the internal one, for a guest from START_WORK on. */
function getProcessElement(context: Context, argument: Uint8Array): void {
  need(argument, PROCESS_ELEMENT_SIZE);
  const unknown = context.afu.adapter.guest && context.status === 'OPENED';
  ProcessElement.encode(unknown ? NOT_YET : context.pe, argument);
}

/** C original: `afu_ioctl_get_afu_id`. */
function getAfuId(context: Context, argument: Uint8Array): void {
  const directed = context.afu.mode === 'afu_directed';
  need(argument, AFU_ID_SIZE);
  const id = {
    flags: directed && !context.master ? CXL_AFUID_FLAG_SLAVE : 0n,
    cardId: context.afu.adapter.card,
    afuOffset: context.afu.slice,
    afuMode: directed ? CXL_MODE_DIRECTED : CXL_MODE_DEDICATED,
  };
  AfuId.encode(id, argument);
}

function reservedAreZero(work: StartWork): boolean {
  return work.reserved1 === 0 && (work.reserved2 | work.reserved3 | work.reserved4 | work.reserved5) === 0n;
}

function need(argument: Uint8Array, size: number): void {
  if (argument.length < size)
    throw new CxlError('EFAULT', 'ioctl', `an argument of ${argument.length} bytes, not ${size}`);
}
