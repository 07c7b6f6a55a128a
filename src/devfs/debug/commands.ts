import type { ErrnoCode } from '../../abi/index.ts';
import { CxlError, type Adapter, type Afu, type Context } from '../../core/index.ts';
import { handleOf } from '../device-node.ts';
import type { NextReply } from '../context-handle.ts';
import {
  afuName,
  cardName,
  number,
  oneOf,
  optional,
  payload,
  target,
  word,
  type Form,
  type Parameter,
  type Target,
} from './grammar.ts';

/** An hour: long enough for any timeout that is to be provoked. */
const LONGEST_DELAY_MS = 3_600_000;
/** Numbers that an event's header has room for. */
const MOST_INTERRUPTS = 65_535;

/** A command of `debug/cxl/inject` and `afukit inject`. */
export interface Command extends Form {
  readonly help: string;
  /**
   * Carries it out. @throws CxlError ENOENT when what it names is not there, and whatever the core refuses it with; nothing
   * has happened then
   */
  readonly act: (adapters: readonly Adapter[], values: readonly unknown[]) => void;
  /** What an errno means for it, where only that comes back; `subject` is its first parameter. */
  readonly refusals: Refusals;
}
type Refusals = { readonly [C in ErrnoCode]?: (subject: string) => string };

type Values = readonly [unknown, ...unknown[]];
type Parameters<V extends Values> = { readonly [I in keyof V]: Parameter<V[I]> };

function command<V extends Values>(
  name: string,
  parameters: Parameters<V>,
  help: string,
  act: (adapters: readonly Adapter[], ...values: V) => void,
  refusals: Refusals = {},
): Command {
  return { name, parameters, help, act: (adapters, values) => act(adapters, ...(values as V)), refusals };
}

/** A command on contexts. */
function onContext<V extends readonly unknown[]>(
  name: string,
  parameters: { readonly [I in keyof V]: Parameter<V[I]> },
  help: string,
  act: (context: Context, ...values: V) => void,
  refusals: Refusals = {},
): Command {
  return command<[Target, ...V]>(
    name,
    [target, ...parameters],
    help,
    (adapters, at, ...values) => forEach(adapters, at, context => act(context, ...(values as unknown as V))),
    {
      ENOENT: at =>
        at.endsWith('*')
          ? `no context of ${at.slice(0, -2)} is open`
          : `there is no context ${at}; afukit ls shows those that are open`,
      EIO: at => `${at} is CLOSED: it was detached, or its card lost the link`,
      ...refusals,
    },
  );
}

const noCard = { ENOENT: (card: string): string => `there is no ${card}; afukit ls shows the cards` };
const notInProcess = { ENXIO: (at: string): string => `${at} was not opened through a device file` };

/** Everything that can be injected. */
export const commands: readonly Command[] = [
  onContext(
    'interrupt',
    [number('N', 1, MOST_INTERRUPTS)],
    'raise AFU interrupt N',
    (to, irq) => live(to).raiseInterrupt(irq),
    {
      EINVAL: at => `${at} has not been given that interrupt; afukit ls shows how many it has`,
    },
  ),
  onContext(
    'fault',
    [word('ADDRESS'), optional(word('DSISR'))],
    'report a data storage fault at an effective address (DSISR: 0)',
    (to, address, dsisr = 0n) => live(to).raiseFault(address, dsisr),
  ),
  onContext('error', [word('CODE')], 'report an AFU error', (to, code) => live(to).raiseAfuError(code)),
  onContext(
    'event',
    [payload],
    "deliver a driver event with these bytes, before the driver's own",
    (to, data) => live(to).raiseDriverEvent(data),
    { EINVAL: at => `that is more than a reader of ${at} can get in one event` },
  ),
  onContext('detach', [], 'detach: what is pending can be read, then read is EIO', to => live(to).detach()),
  onContext(
    'delay',
    [number('MS', 0, LONGEST_DELAY_MS)],
    'look at the next read or ioctl that begins MS milliseconds late',
    (to, delayMs) => holdNext(to, { delayMs }),
    notInProcess,
  ),
  onContext(
    'drop',
    [],
    'never answer the next read or ioctl that begins: its caller sleeps until a signal ends that',
    to => holdNext(to, 'drop'),
    notInProcess,
  ),
  command(
    'link',
    [cardName, oneOf('down', 'up', 'fail')],
    'take the PCI link down, bring it back up, or let the card fail for good',
    (adapters, card, to) => links[to](adapterOf(adapters, card)),
    { ...noCard, ENODEV: card => `${card} has failed for good; afukit inject probe ${card} finds it again` },
  ),
  command(
    'probe',
    [cardName],
    'find a card that has failed, as at the start of the machine',
    (adapters, card) => adapterOf(adapters, card).probe(),
    noCard,
  ),
  command(
    'reset',
    [cardName, optional(oneOf('force'))],
    'reset the card; force: also while work is attached, which is detached',
    (adapters, card, force) => adapterOf(adapters, card).reset(force !== undefined),
    {
      ...noCard,
      EBUSY: card => `work is attached to ${card}; afukit inject reset ${card} force detaches it`,
      EIO: card => `${card} has no link, or its AFU model failed`,
      EINVAL: card => `perst_reloads_same_image is set on ${card}`,
    },
  ),
  command('reset', [afuName], 'reset the AFU', (adapters, afu) => afuOf(adapters, afu).reset(), {
    ENOENT: afu => `there is no ${afu}; afukit ls shows the AFUs`,
    EBUSY: afu => `a context of ${afu} is open, or it is being reset`,
    EIO: afu => `the card of ${afu} has no link, or the AFU model failed`,
  }),
];

const links: Readonly<Record<'down' | 'up' | 'fail', (adapter: Adapter) => void>> = {
  down: adapter => adapter.loseLink(),
  up: adapter => adapter.restoreLink(),
  fail: adapter => adapter.fail(),
};

function adapterOf(adapters: readonly Adapter[], name: string): Adapter {
  const found = adapters.find(adapter => adapter.name === name);
  return found ?? missing(name);
}

function afuOf(adapters: readonly Adapter[], name: string): Afu {
  const found = adapters.flatMap(({ afus }) => afus).find(afu => afu.name === name);
  return found ?? missing(name);
}

function missing(name: string): never {
  throw new CxlError('ENOENT', 'inject', `there is no ${name}`);
}

/** Acts on one context, or on each that does not refuse: then it fails only if all of them do. */
function forEach(adapters: readonly Adapter[], { afu, pe }: Target, act: (context: Context) => void): void {
  const { contexts } = afuOf(adapters, afu);
  if (pe !== '*') return act(contexts.get(pe) ?? missing(`context ${afu}/${pe}`));
  let refusal: unknown = new CxlError('ENOENT', 'inject', `no context of ${afu} is open`);
  let reached = false;
  for (const context of contexts.values()) {
    try {
      act(context);
      reached = true;
    } catch (error) {
      refusal = error;
    }
  }
  if (!reached) throw refusal;
}

/** The core ignores what happens on a CLOSED context; who injects it wants to know. */
function live(context: Context): Context {
  if (context.status === 'CLOSED') throw new CxlError('EIO', 'inject', `${context.name} is CLOSED`);
  return context;
}

function holdNext(context: Context, reply: NextReply): void {
  const handle = handleOf(context);
  if (!handle) throw new CxlError('ENXIO', 'inject', `${context.name} was not opened through a device file`);
  handle.nextReply = reply;
}
