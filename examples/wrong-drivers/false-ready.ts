import { contextEventsPending, defineDriver, setDriverOps, type AfuDriver, type Context } from 'afukit/driver';
import type { DriverCheck } from 'afukit/check';

/** WRONG, on purpose: whoever asks whether there is an event takes the answer away from whoever asks next. */
class Bell {
  rung = false;

  eventPending(): boolean {
    const { rung } = this;
    this.rung = false;
    return rung;
  }

  deliverEvent(): number {
    return 0;
  }
}

const bells = new Map<Context, Bell>();

const driver: AfuDriver = defineDriver({
  name: 'false-ready',
  open(context, owner) {
    const bell = new Bell();
    bells.set(context, bell);
    setDriverOps(context, {
      owner,
      eventPending: () => bell.eventPending(),
      deliverEvent: () => bell.deliverEvent(),
    });
  },
  release: context => void bells.delete(context),
});

export default driver;

export const check: DriverCheck = {
  post(context) {
    bells.get(context)!.rung = true;
    contextEventsPending(context, 0);
  },
};
