// The scenarios of a driver of somebody else's.
import type { Budget } from './actors/actor.ts';
import { WRITES } from './actors/source.ts';
import { Adapter, CxlError } from '../core/index.ts';
import { worldOf, type Scenario } from './scenarios.ts';
import type { DriverFile } from './user-driver.ts';

/** What there is to post with: `check.post`, or else its control files that can be written. */
export function postsOf(file: DriverFile): Budget {
  if (file.check?.post) return { 'posts an event': 2 };
  const backend = { name: 'nobody', attachProcess() {}, detachProcess() {} };
  const afu = new Adapter({ afus: [{ backend }] }).afus[0]!;
  const controls = Object.entries(file.driver.controls?.(afu) ?? {}).filter(([, control]) => 'write' in control);
  return Object.fromEntries(controls.slice(0, 2).map(([name]) => [`${WRITES}${name}`, 2]));
}

/** @param load gives the driver's file anew at each call */
export function userScenarios(load: () => DriverFile): readonly Scenario[] {
  const posts = postsOf(load());
  const life: Scenario = {
    name: 'driver-life',
    summary: 'contexts that are closed and opened again, and the driver unloaded',
    door: 'core',
    contexts: 2,
    user: load,
    posts: Object.fromEntries(Object.keys(posts).map(verb => [verb, 1])),
    readers: [
      { kind: 'nonblocking', calls: 2, doomed: 1 },
      { kind: 'nonblocking', calls: 1, slot: 1 },
    ],
    life: { 'has its last close': 1, 'is opened again': 1 },
    modules: { 'unloads the driver': 1 },
  };
  return [
    {
      name: 'driver',
      summary: 'one reader that polls and one that sleeps, copies that fail, interrupts, detach',
      door: 'core',
      user: load,
      posts,
      readers: [
        { kind: 'poll', calls: 2, doomed: 1 },
        { kind: 'blocking', calls: 2 },
      ],
      hardware: { 'raises interrupt 1': 1 },
      life: { 'is detached': 1 },
    },
    {
      name: 'driver-fuse',
      summary: 'the same on a device file, with edge-triggered epoll',
      door: 'fuse',
      user: load,
      posts,
      readers: [
        { kind: 'epoll-et', calls: 2, doomed: 1 },
        { kind: 'blocking', calls: 1, signals: 1 },
      ],
    },
    servesTwo(life) ? life : { ...life, contexts: 1, readers: life.readers.slice(0, 1) },
  ];
}

/** A driver may well refuse a second open. */
function servesTwo(scenario: Scenario): boolean {
  try {
    worldOf(scenario)();
    return true;
  } catch (error) {
    if (error instanceof CxlError) return false;
    throw error;
  }
}
