import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { afuOptions, type AfuModel, type ProcessElement } from '../afu/index.ts';
import { Adapter, CxlError, type Context } from '../core/index.ts';
import { EventQueue, defineDriver } from '../driver/index.ts';
import { openAfu, type CxlFile } from '../file/index.ts';
import { pollText } from '../abi/index.ts';
import { shown, type Report, type Shown } from './demo-client.ts';
import { EndSignals, startServing } from './serving.ts';
import { UserError, type Arguments } from './verb.ts';

/** The card that is shown: an AFU whose process element and driver queue the script below can reach. */
class Card {
  element!: ProcessElement;
  context!: Context;
  queue!: EventQueue;
  readonly adapter: Adapter;

  constructor() {
    const model: AfuModel = { name: 'demo', attach: element => void (this.element = element) };
    const driver = defineDriver({
      name: 'demo',
      open: context => {
        this.context = context;
        this.queue = new EventQueue(context);
      },
    });
    this.adapter = new Adapter({ afus: [afuOptions({ model, driver, irqsMin: 1 })] });
  }
}

/** What is raised, one after the other, each when the one before has arrived. */
const steps: readonly { readonly title: string; readonly type: Shown['type']; readonly raise: (card: Card) => void }[] =
  [
    { title: 'the AFU raises interrupt 1', type: 'afu-interrupt', raise: card => card.element.interrupt(1) },
    { title: 'the AFU raises interrupt 4', type: 'afu-interrupt', raise: card => card.element.interrupt(4) },
    {
      title: 'the AFU cannot translate an address',
      type: 'data-storage',
      raise: card => card.element.fault(0xdead_0000n, 0x4000_0000_4200_0000n),
    },
    { title: 'the AFU reports an error', type: 'afu-error', raise: card => card.element.error(0x2an) },
    {
      title: 'the AFU driver has an event of its own',
      type: 'afu-driver',
      raise: card => void card.queue.post(new TextEncoder().encode('hello from the driver')),
    },
  ];

/** The events that are pending when the context is detached, in the order in which they are read. */
const drained: readonly Shown['type'][] = ['afu-driver', 'afu-interrupt', 'afu-interrupt'];

type Line = { readonly text: string } & Readonly<Record<string, unknown>>;

/** `afukit demo`: status 0 when everything arrived as it should. */
export async function demo({ values }: Arguments): Promise<number> {
  const print = (line: Line): void => {
    const { text, ...facts } = line;
    process.stdout.write(values['json'] === true ? `${JSON.stringify(facts)}\n` : `${text}\n`);
  };
  const signals = new EndSignals();
  const card = new Card();
  let serving;
  try {
    serving = await startServing(undefined, [card.adapter], {});
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    print({ text: `no device files here: ${error.message}`, device: null, reason: error.message });
    print({ text: 'the same inside this process:' });
    return show(card, clientInProcess(card), print, 'inside this process', signals);
  }
  const device = join(serving.directory, 'dev/cxl/afu0.0s');
  try {
    print({ text: `a card with one AFU is served: ${device}`, device });
    return await show(card, clientProcess(device, print), print, `through ${device}`, signals);
  } finally {
    await serving.close();
  }
}

async function show(
  card: Card,
  client: AsyncIterator<Report>,
  print: (line: Line) => void,
  how: string,
  signals: EndSignals,
): Promise<number> {
  const next = async (): Promise<Report> => {
    const result = await Promise.race([client.next(), signals.first]);
    if (typeof result === 'string') throw new UserError(`ended by ${result}`);
    if (result.done) throw new UserError('the client ended early');
    return result.value;
  };
  const problems: string[] = [];
  const latencies: number[] = [];
  const check = (wanted: string, seen: string): void => {
    if (wanted !== seen) problems.push(`${wanted} expected, ${seen} seen`);
  };
  try {
    await next();
    print({
      text: `the client has started work (process element ${card.element.id}) and sleeps in poll`,
      started: true,
    });
    for (const { title, type, raise } of steps) {
      const before = process.hrtime.bigint();
      raise(card);
      const report = await next();
      check(type, report.what === 'event' ? report.event.type : report.what);
      if (report.what !== 'event') break;
      const us = Number(BigInt(report.at) - before) / 1000;
      latencies.push(us);
      const text = `  ${title.padEnd(40)} -> ${report.event.type} (${report.event.text}) after ${us.toFixed(0)} us`;
      print({ text, event: report.event, latencyUs: us });
    }

    print({ text: 'three events are raised and the context is detached before the client can read' });
    card.element.interrupt(3);
    card.element.interrupt(2);
    card.queue.post(new TextEncoder().encode('last words'));
    card.context.detach();
    for (const type of drained) {
      const report = await next();
      check(type, report.what === 'event' ? report.event.type : report.what);
      if (report.what !== 'event') break;
      print({ text: `  drained: ${report.event.type} (${report.event.text})`, event: report.event, drained: true });
    }
    const end = await next();
    check('EIO with POLLERR', end.what === 'ended' ? `${end.code} with ${end.poll}` : end.what);
    print({ text: '  then read says EIO and poll POLLERR', end });
  } finally {
    await client.return?.();
  }
  const median = latencies.toSorted((a, b) => a - b)[latencies.length >> 1] ?? Number.NaN;
  const text =
    problems.length === 0
      ? `demo: all four kinds of event arrived ${how}, median ${median.toFixed(0)} us; what was pending outlived the detach`
      : `demo: FAILED: ${problems.join('; ')}`;
  print({ text, ok: problems.length === 0, problems, medianLatencyUs: median });
  return problems.length === 0 ? 0 : 1;
}

/** A separate process on the device file. */
async function* clientProcess(device: string, print: (line: Line) => void): AsyncGenerator<Report, void, undefined> {
  const program = fileURLToPath(new URL('demo-client.js', import.meta.url));
  const child = spawn(process.execPath, [program, device], { stdio: ['ignore', 'pipe', 'inherit'] });
  print({ text: `process ${child.pid} is the client`, client: child.pid });
  try {
    for await (const line of createInterface(child.stdout)) yield JSON.parse(line) as Report;
  } finally {
    child.kill('SIGKILL');
  }
}

/** The same client without a device file. */
async function* clientInProcess(card: Card): AsyncGenerator<Report, void, undefined> {
  const file: CxlFile = openAfu(card.adapter.afus[0]!);
  try {
    file.startWork({ numInterrupts: 4 });
    yield { what: 'started' };
    for await (const event of file.events()) {
      yield { what: 'event', at: process.hrtime.bigint().toString(), event: shown(event) };
    }
  } catch (error) {
    if (!(error instanceof CxlError)) throw error;
    yield { what: 'ended', poll: pollText(file.poll()), code: error.code };
  } finally {
    file.close();
  }
}
