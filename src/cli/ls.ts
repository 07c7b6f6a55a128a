import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { columns, type AfuState, type ContextState, type State } from '../devfs/index.ts';
import { explained, servedMount } from './served-mount.ts';
import type { Arguments } from './verb.ts';
import { printable } from './watch-lines.ts';

const FILE = 'debug/cxl/state';

/** `afukit ls`: what is served at this moment. */
export async function ls({ values }: Arguments): Promise<number> {
  const mount = await servedMount(values['mount']);
  const text = await readFile(join(mount, FILE), 'utf8').catch((error: unknown) => {
    throw explained(error, mount, FILE);
  });
  const state = JSON.parse(text) as State;
  process.stdout.write(values['json'] === true ? `${JSON.stringify(state, null, 2)}\n` : table(state));
  return 0;
}

const HEAD = [
  'NAME',
  'STATE',
  'MODEL',
  'DRIVER',
  'PID',
  'COMMAND',
  'IRQS',
  'PENDING',
  'RAISED',
  'DELIVERED',
  'DROPPED',
];

function table({ adapters }: State): string {
  const rows = adapters.flatMap(({ name, link, contextsLocked, afus }) => [
    [name, contextsLocked ? `${link}, in reset` : link],
    ...afus.flatMap(afu => [afuRow(afu), ...afu.contexts.map(context => contextRow(afu, context))]),
  ]);
  return columns([HEAD, ...rows]);
}

function afuRow({ name, mode, model, driver }: AfuState): string[] {
  return [`  ${name}`, mode, model, driver ?? '-'];
}

function contextRow(afu: AfuState, context: ContextState): string[] {
  const { pe, status, driver, pid, command, interrupts, pending, counters } = context;
  return [
    `    ${afu.name}/${pe}`,
    status,
    '',
    driver ?? '-',
    pid === null ? '-' : String(pid),
    printable(command ?? '-'),
    String(interrupts),
    pendingText(pending),
    ...[counters.raised, counters.delivered, counters.dropped].map(String),
  ];
}

/** `driver 2, irq 1-3,7, fault, error`, in the order in which they are read; `-` for nothing. */
function pendingText({ driver, interrupts, fault, error }: ContextState['pending']): string {
  const kinds = [
    driver > 0 ? `driver ${driver}` : '',
    interrupts.length > 0 ? `irq ${ranges(interrupts)}` : '',
    fault ? 'fault' : '',
    error ? 'error' : '',
  ];
  return kinds.filter(kind => kind !== '').join(', ') || '-';
}

/** `1-3,7` for 1, 2, 3 and 7, which are in ascending order. */
function ranges(numbers: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run?.[1] === number - 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}
