import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { CXL_IOCTL_START_WORK, START_WORK_SIZE } from '../../src/abi/index.ts';
import type { ContextState, State } from '../../src/devfs/index.ts';
import { Calls } from './clients.ts';
import type { Device } from './device.ts';

export function debugFile(device: Device, name: string): string {
  return join(device.directory, 'debug/cxl', name);
}

/** Writes commands to debug/cxl/inject, all at once. */
export function inject(device: Device, ...lines: string[]): Promise<void> {
  return writeFile(debugFile(device, 'inject'), lines.map(line => `${line}\n`).join(''));
}

/** What debug/cxl/state says. */
export async function state(device: Device): Promise<State> {
  return JSON.parse(await readFile(debugFile(device, 'state'), 'utf8')) as State;
}

/** What it says of the AFU's contexts. */
export async function contexts(device: Device): Promise<readonly ContextState[]> {
  return (await state(device)).adapters[0]!.afus[0]!.contexts;
}

/** START_WORK's argument, with nothing in it. */
export const NO_WORK: string = '00'.repeat(START_WORK_SIZE);

/** A program with work started, that makes the calls it is told. */
export async function program(t: TestContext, device: Device, ...flags: string[]): Promise<Calls> {
  const calls = new Calls(t, device.path(), ...flags);
  assert.equal(await calls.opened(), 'open 0');
  assert.equal(await calls.call('ioctl', CXL_IOCTL_START_WORK, NO_WORK), `0 ${NO_WORK}`);
  return calls;
}

/** Ends programs, and waits until none of their contexts is left. */
export async function finished(device: Device, ...clients: Calls[]): Promise<void> {
  for (const { program } of clients) await program.finish();
  await device.idle();
}
