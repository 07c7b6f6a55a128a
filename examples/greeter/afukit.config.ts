import { defineConfig } from 'afukit';
import { EventQueue, defineDriver } from 'afukit/driver';

// Says hello, once a second, to everybody who has the device open.
const timers = new Map<object, NodeJS.Timeout>();
const greeter = defineDriver({
  name: 'greeter',
  open(context) {
    const queue = new EventQueue(context, { capacity: 8 });
    const greet = (): void => void queue.post(new TextEncoder().encode(`hello, process element ${context.pe}`));
    timers.set(context, setInterval(greet, 1000));
  },
  release(context) {
    clearInterval(timers.get(context));
    timers.delete(context);
  },
});

export default defineConfig({
  adapters: [{ afus: [{ model: 'ticker', periodUs: 2_000_000, driver: greeter }] }],
});
