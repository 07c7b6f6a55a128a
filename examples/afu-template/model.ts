import { defineModel, type AfuModel, type ProcessElement, type Registers } from 'afukit/afu';
import { hostOrder } from 'afukit/abi';

/**
 * An accelerator that adds up doubles in the program's memory. Its work element, in the host's byte order:
 *
 *     offset  size
 *          0     8  address of the numbers, 8 bytes each
 *          8     8  how many
 *         16     8  the sum: the accelerator stores it here
 */
const WORK_ELEMENT = { size: 24, sum: 16n } as const;

/** What a program finds when it maps the device file. Offsets are bytes, and part of your ABI: do not move them. */
const registers = {
  /** Store the address of a work element here, to have it done. */
  DOORBELL: { offset: 0x00, width: 8, doorbell: true },
  /** How many sums were made. A program's stores to it are undone. */
  SUMS: { offset: 0x08, width: 8, readOnly: true },
} as const satisfies Registers;

type Element = ProcessElement<typeof registers>;

/** Interrupts have numbers from 1; START_WORK says how many a program gets. */
const SUM_IS_THERE = 1;
/** AFU errors are numbers of your own. */
const TOO_MANY = 1n;

const MOST = 1n << 32n;
const CHUNK = 8192;

/** Gives everybody else a turn: a model that never lets go stops the whole server. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

async function add(element: Element, workElement: bigint): Promise<void> {
  const { memory } = element;
  const fields = new DataView(memory.read(workElement, WORK_ELEMENT.size).buffer);
  const little = hostOrder === 'little';
  const address = fields.getBigUint64(0, little);
  const count = fields.getBigUint64(8, little);
  // The program's mistake: it is told by an event. Throw only for mistakes of your own.
  if (count > MOST) return element.error(TOO_MANY);

  const numbers = new Float64Array(CHUNK);
  let sum = 0;
  for (let done = 0; done < Number(count); done += CHUNK) {
    const some = numbers.subarray(0, Number(count) - done);
    memory.readInto(address + BigInt(done * 8), new Uint8Array(some.buffer, 0, some.byteLength));
    for (const number of some) sum += number;
    await turn();
    // After each wait: the program may be gone.
    if (!element.attached) return;
  }
  const result = new DataView(new ArrayBuffer(8));
  result.setFloat64(0, sum, little);
  memory.write(workElement + WORK_ELEMENT.sum, new Uint8Array(result.buffer));
  // First the registers, then the interrupt: who is woken finds everything as it should be.
  element.registers.write('SUMS', element.registers.read('SUMS') + 1n);
  if (element.interrupts > 0) element.interrupt(SUM_IS_THERE);
}

export const adder: AfuModel = defineModel({
  name: 'adder',
  registers,

  /** START_WORK: look at what is asked, and throw a CxlError to refuse it with its errno. Do not work yet. */
  attach() {},

  /** The work, begun when START_WORK has been answered. A bad address ends it, and the program has been told. */
  async run(element) {
    if (element.workElementDescriptor !== 0n) await add(element, element.workElementDescriptor);
  },

  /** Work that comes later. Two doorbells may be at work at a time; a model that minds queues them. */
  doorbell: (element, _register, address) => add(element, address),

  /** Close here what belongs to this program: timers, workers, sockets. There is nothing here. */
  detach() {},
});
