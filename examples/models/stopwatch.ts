import { defineModel, type AfuModel, type ProcessElement } from 'afukit/afu';

const running = new Map<ProcessElement, NodeJS.Timeout>();

/** Interrupts when a time is over that the program stores in a register. */
export const stopwatch: AfuModel = defineModel({
  name: 'stopwatch',
  registers: {
    START: { offset: 0x00, width: 4, order: 'big', doorbell: true },
    FINISHED: { offset: 0x08, width: 8, order: 'big', readOnly: true },
    NOTE: { offset: 0x10, width: 8, reset: 0xffn },
  },
  attach() {},
  doorbell(element, _register, milliseconds) {
    clearTimeout(running.get(element));
    const finished = (): void => {
      element.registers.write('FINISHED', element.registers.read('FINISHED') + 1n);
      element.interrupt(1);
    };
    running.set(element, setTimeout(finished, Number(milliseconds)));
  },
  detach(element) {
    clearTimeout(running.get(element));
    running.delete(element);
  },
});
