import { isThenable } from '../core/index.ts';
import { defineAfu, defineModel, type AfuDefinition } from './model.ts';
import type { ProcessElement } from './process-element.ts';
import type { Register, Registers } from './registers.ts';

export interface RegisterModelOptions<R extends Registers = Registers> extends Omit<Partial<AfuDefinition>, 'model'> {
  /** The registers of each context's window; default: {@link defaultRegisters}. */
  readonly registers?: R | undefined;
  /** The interrupt that a doorbell raises, if the context has so many; 0: none. Default: 1 for each doorbell. */
  readonly interrupts?: { readonly [Name in keyof R & string]?: number | undefined } | undefined;
  /** Called before the interrupt, which waits for a promise. Default: nothing; the default file has its own. */
  readonly onDoorbell?:
    | ((element: ProcessElement<R>, register: keyof R & string, value: bigint) => void | Promise<void>)
    | undefined;
}

/** What the AFU `registers` has when nothing else is declared: what is stored to CONTROL appears in STATUS. */
export const defaultRegisters: Readonly<Record<'CONTROL' | 'STATUS' | 'SCRATCH', Register>> = {
  CONTROL: { offset: 0x00, width: 8, doorbell: true },
  STATUS: { offset: 0x08, width: 8, readOnly: true },
  SCRATCH: { offset: 0x10, width: 8 },
};

/**
 * An AFU that is nothing but a declared register file; a doorbell raises an interrupt. See docs/models/registers.md.
 * @throws RangeError for an interrupt that cannot be, or of what is no doorbell; registers are checked by `afuOptions`
 */
export function registerModel<const R extends Registers = typeof defaultRegisters>(
  options: RegisterModelOptions<R> = {},
): AfuDefinition {
  const { registers, interrupts = {}, onDoorbell, ...definition } = options;
  const declared: Registers = registers ?? defaultRegisters;
  const numbers = new Map<string, number>();
  for (const [name, { doorbell }] of Object.entries(declared)) if (doorbell) numbers.set(name, 1);
  for (const [name, number] of Object.entries<number | undefined>(interrupts)) {
    if (number === undefined) continue;
    if (!numbers.has(name)) throw new RangeError(`interrupts: ${name} is no doorbell`);
    if (!Number.isInteger(number) || number < 0 || number > MOST_INTERRUPTS) {
      throw new RangeError(`interrupts: ${name} must be a whole number from 0 to ${MOST_INTERRUPTS}, not ${number}`);
    }
    numbers.set(name, number);
  }
  const rung = onDoorbell ?? (registers ? undefined : showInStatus);
  const model = defineModel<Registers>({
    name: 'registers',
    usesMemory: onDoorbell !== undefined,
    registers: declared,
    attach() {},
    doorbell(element, name, value) {
      const raise = (): void => {
        const number = numbers.get(name) ?? 0;
        if (number >= 1 && number <= element.interrupts) element.interrupt(number);
      };
      const answered: unknown = rung?.(element, name, value);
      return isThenable(answered) ? Promise.resolve(answered).then(raise) : raise();
    },
  });
  // A program that does not ask for interrupts gets as many as there are to raise.
  return defineAfu({ irqsMin: Math.max(1, ...numbers.values()), ...definition, model });
}

/** As many as a card with one AFU has. */
const MOST_INTERRUPTS = 2037;

function showInStatus(element: ProcessElement, _register: string, value: bigint): void {
  element.registers.write('STATUS', value);
}
