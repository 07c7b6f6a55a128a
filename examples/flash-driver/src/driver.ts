import { isEnabled } from 'afukit/config';
import {
  CxlError,
  defineDriver,
  devContextInit,
  releaseContext,
  startWork,
  stopContext,
  type Afu,
  type AfuDriver,
  type Context,
  type DriverModule,
  type Opener,
} from 'afukit/driver';

import { parseCommand, type Command } from './commands.ts';
import { COMMAND_DONE, INTERRUPTS, type Channel, type Notice, type Notices } from './notices.ts';

// `#ifdef CONFIG_CXL_AFU_DRIVER_OPS`: what is not there must not even be imported by name.
const openChannel: (context: Context) => Channel = isEnabled('CXL_AFU_DRIVER_OPS')
  ? (await import('./typed-channel.ts')).typedChannel
  : (await import('./interrupt-channel.ts')).interruptChannel;

/** One card: what it is like now, and who has it open. */
class Flash {
  readonly #afu: Afu;
  readonly #openers = new Map<Context, Channel>();
  readonly #luns = new Map<number, bigint>();
  readonly #resets = new Map<number, number>();
  #lastTimeout: Notices['commandTimeout'] | undefined;

  constructor(afu: Afu) {
    this.#afu = afu;
  }

  /** One open(2) of the driver's own node: a context that is started already, with this driver's events on it. */
  open(module: DriverModule, { pid }: Opener): Context {
    const context = devContextInit(this.#afu, module);
    try {
      const channel = openChannel(context);
      startWork(context, { numInterrupts: INTERRUPTS, pid });
      this.#openers.set(context, channel);
    } catch (error) {
      releaseContext(context);
      throw error;
    }
    return context;
  }

  /** The last close(2). */
  release(context: Context): void {
    this.#openers.delete(context);
  }

  /** What the control file says: all that an interrupt cannot. */
  text(): string {
    const lines = [`openers ${this.#openers.size}`];
    for (const [lun, blocks] of this.#luns) lines.push(`lun ${lun} ${blocks} blocks`);
    for (const [port, resets] of this.#resets) lines.push(`port ${port} ${resets} resets`);
    const timeout = this.#lastTimeout;
    if (timeout) lines.push(`timeout of command ${timeout.commandTag} after ${timeout.afterMs} ms`);
    return `${lines.join('\n')}\n`;
  }

  /** @throws CxlError EINVAL for what is not a command, ENXIO when it is for somebody who has not opened the card */
  write(text: string): void {
    const { command, pe } = parseCommand(text);
    const openers = [...this.#openers].filter(([context]) => pe === undefined || context.pe === pe);
    if (pe !== undefined && openers.length === 0)
      throw new CxlError('ENXIO', 'write', `nobody has process element ${pe}`);
    const act = this.#act(command);
    for (const [context, channel] of openers) if (context.status === 'STARTED') act(context, channel);
  }

  /** Does what a command does to the card, and returns what it does to each opener. */
  #act(command: Command): (context: Context, channel: Channel) => void {
    switch (command.verb) {
      case 'complete':
        return context => context.raiseInterrupt(COMMAND_DONE);
      case 'detach':
        return context => stopContext(context);
      default: {
        const notice = this.#notice(command);
        return (_context, channel) => channel.notify(notice);
      }
    }
  }

  #notice(command: Exclude<Command, { readonly verb: 'complete' | 'detach' }>): Notice {
    switch (command.verb) {
      case 'resize':
        this.#luns.set(command.lun, command.blocks);
        return { name: 'lunResized', values: { lun: command.lun, blocks: command.blocks } };
      case 'reset': {
        const resets = (this.#resets.get(command.port) ?? 0) + 1;
        this.#resets.set(command.port, resets);
        return { name: 'linkReset', values: { port: command.port, resets } };
      }
      default:
        this.#lastTimeout = { commandTag: command.tag, afterMs: command.afterMs };
        return { name: 'commandTimeout', values: this.#lastTimeout };
    }
  }
}

const cards = new Map<Afu, Flash>();

function cardOf(afu: Afu): Flash {
  let card = cards.get(afu);
  if (!card) cards.set(afu, (card = new Flash(afu)));
  return card;
}

/** The driver: `dev/flashN` to be opened, and `debug/cxl/afuC.S/flash` to make something happen. */
const flash: AfuDriver = defineDriver({
  name: 'flash',
  nodes: (afu, module) => ({
    [`flash${4 * afu.adapter.card + afu.slice}`]: { open: opener => cardOf(afu).open(module, opener) },
  }),
  release: context => cardOf(context.afu).release(context),
  controls: afu => ({
    flash: {
      read: () => cardOf(afu).text(),
      write: bytes => cardOf(afu).write(new TextDecoder().decode(bytes)),
    },
  }),
});

export default flash;
