// The server of a storm: a process of its own, so that it can be stopped and killed.
//
//     node --expose-gc dist/storm/server.js MOUNTPOINT
//
// It takes orders (protocol.ts) over its IPC channel, and ends when that is closed.
import { endianness } from 'node:os';

import { afuOptions } from '../src/afu/index.ts';
import { Adapter, type Context } from '../src/core/index.ts';
import { serveDevices } from '../src/devfs/index.ts';
import { EventQueue, defineDriver } from '../src/driver/index.ts';
import { eventsPerRead, payloadOf, type ContextState, type Order, type Source, type State } from './protocol.ts';

const LITTLE = endianness() === 'LE';
/** What a kind may leave unread, and more. */
const CAPACITY = 65_536;

const complaints: string[] = [];

/** What was done to one context. */
class Account {
  readonly context: Context;
  readonly #queue: EventQueue;
  readonly #raised: Record<string, Source> = {};
  #posted = 0;

  constructor(context: Context, queue: EventQueue) {
    this.context = context;
    this.#queue = queue;
  }

  post(): void {
    if (!this.#queue.post(payloadOf(++this.#posted, LITTLE))) complaints.push('the queue refused an event');
  }

  raise({ what, irq }: Extract<Order, { do: 'raise' }>): void {
    const name = what === 'interrupt' ? `interrupt ${irq}` : what;
    const count = (this.#raised[name]?.count ?? 0) + 1;
    this.#raised[name] = { count, last: String(process.hrtime.bigint()) };
    const value = BigInt(count);
    if (what === 'interrupt') this.context.raiseInterrupt(irq);
    else if (what === 'fault') this.context.raiseFault(value, ~value);
    else this.context.raiseAfuError(value);
  }

  state(afu: number): ContextState {
    const { context } = this;
    const { pe, counters } = context;
    // Asked of the sources, and not by poll, which would note that a CLOSED context is drained.
    const pending =
      counters.raised > counters.coalesced + counters.delivered + counters.dropped || this.#queue.length > 0;
    return { afu, pe, posted: this.#posted, raised: this.#raised, pending, counters: { ...counters } };
  }
}

const accounts = new Map<Context, Account>();

const adapter = new Adapter({
  afus: eventsPerRead.map((events, place) =>
    afuOptions({
      irqsMin: 1,
      eventsPerRead: events,
      model: { name: 'storm', usesMemory: false, attach: () => {} },
      driver: defineDriver({
        name: `storm${place}`,
        open(context) {
          const queue = new EventQueue(context, { capacity: CAPACITY, form: place === 0 ? 'fetch' : 'poll' });
          accounts.set(context, new Account(context, queue));
        },
        release: context => void accounts.delete(context),
      }),
    }),
  ),
  // A server that was stopped takes long.
  callbackBudgetMs: Infinity,
  onDiagnostic: ({ source, problem }) => {
    // Errors come faster than they are read, and events are longer than libcxl likes: here that is meant.
    if (!/^AFU error .* is lost|^an event of \d+ bytes: libcxl/.test(problem)) complaints.push(`${source}: ${problem}`);
  },
});

function accountOf({ afu, pe }: { afu: number; pe: number }): Account {
  const context = adapter.afus[afu]?.contexts.get(pe);
  const account = context && accounts.get(context);
  if (!account) throw new Error(`no context on AFU ${afu} has process element ${pe}`);
  return account;
}

let busy = 0;

function spread(account: Account, left: number): void {
  if (left === 0) return;
  busy++;
  setImmediate(() => {
    busy--;
    account.post();
    spread(account, left - 1);
  });
}

function stateOf(number: number): State {
  const contexts = adapter.afus.flatMap((afu, place) =>
    [...afu.contexts.values()].map(context => accounts.get(context)!.state(place)),
  );
  return { number, busy, contexts, complaints, heap: process.memoryUsage().heapUsed };
}

const orders: { readonly [K in Order['do']]: (order: Extract<Order, { do: K }>) => void } = {
  post({ to, count, spread: spreads }) {
    const account = accountOf(to);
    if (spreads) spread(account, count);
    else for (let i = 0; i < count; i++) account.post();
  },
  raise: order => accountOf(order.to).raise(order),
  detach: ({ to }) => accountOf(to).context.detach(),
  ask({ number, collect }) {
    if (collect) globalThis.gc?.();
    process.send!(stateOf(number));
  },
};

const mounted = await serveDevices(process.argv[2]!, [adapter], { onWarning: warning => complaints.push(warning) });
process.on('message', (order: Order) => orders[order.do](order as never));
process.on('disconnect', () => void mounted.unmount());
process.on('SIGTERM', () => void mounted.unmount());
// Ctrl-C is for the storm, which then ends this.
process.on('SIGINT', () => {});
void mounted.closed.then(() => process.exit(0));
process.send!('ready');
