import { AddressError, defineModel, type AfuModel } from 'afukit/afu';

/** Adds up a string's bytes: the work element descriptor is its address, and its length is in the 4 bytes before. */
export const sum: AfuModel = defineModel({
  name: 'sum',
  attach() {},
  run(element) {
    const { memory, workElementDescriptor: text } = element;
    const length = new Int32Array(1);
    try {
      memory.readInto(text - 4n, new Uint8Array(length.buffer));
      const bytes = memory.read(text, length[0]! & 0xffff);
      let total = 0;
      for (const byte of bytes) total += byte;
      length[0] = total;
      // Several places at a time, in this order.
      memory.writev([
        { address: text, bytes: bytes.fill(0) },
        { address: text - 4n, bytes: new Uint8Array(length.buffer) },
      ]);
      element.interrupt(1);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      // The program has a data storage event for error.address already. This AFU says that it is over, too.
      element.fail(1n);
    }
  },
});
