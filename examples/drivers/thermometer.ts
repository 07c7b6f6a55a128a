import {
  contextEventsPending,
  defineDriver,
  setDriverOps,
  type AfuDriver,
  type Context,
  type DriverModule,
  type PollDriverOps,
} from 'afukit/driver';

/** What one reader gets: the newest temperature, once. Older ones that it has not read are of no use to it. */
class Reading implements PollDriverOps {
  readonly owner: DriverModule;
  readonly #context: Context;
  #milliCelsius = 0;
  #unread = false;

  constructor(context: Context, owner: DriverModule) {
    this.owner = owner;
    this.#context = context;
  }

  update(milliCelsius: number): void {
    this.#milliCelsius = milliCelsius;
    this.#unread = true;
    contextEventsPending(this.#context, 0);
  }

  eventPending(): boolean {
    return this.#unread;
  }

  deliverEvent(_context: Context, buffer: Uint8Array, offset: number): number {
    this.#unread = false;
    new DataView(buffer.buffer, buffer.byteOffset + offset, 4).setInt32(0, this.#milliCelsius, true);
    return 4;
  }
}

const readings = new Map<Context, Reading>();

/** A number written to debug/cxl/afuC.S/temperature, in thousandths of a degree, is what its readers get. */
const thermometer: AfuDriver = defineDriver({
  name: 'thermometer',
  open(context, module) {
    const reading = new Reading(context, module);
    setDriverOps(context, reading);
    readings.set(context, reading);
  },
  release(context) {
    readings.delete(context);
  },
  controls: afu => ({
    temperature: {
      write(bytes) {
        const milliCelsius = Number(new TextDecoder().decode(bytes));
        for (const [context, reading] of readings) if (context.afu === afu) reading.update(milliCelsius);
      },
    },
  }),
});

export default thermometer;
