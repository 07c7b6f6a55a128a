// The documented scenarios: who takes part, and how much of it. Each is explored whole.
import type { Setup } from './setup.ts';
import type { SystemMaker } from './system.ts';
import { World } from './world.ts';

export interface Scenario extends Setup {
  readonly name: string;
  readonly summary: string;
}

const irq = (number: number): string => `raises interrupt ${number}`;

const ADMINISTRATION = { 'unloads the driver': 2, 'reloads the driver': 1 };

export const scenarios: readonly Scenario[] = [
  {
    name: 'wake-up',
    summary: 'three ways to sleep on one context, and interrupts that coalesce',
    door: 'core',
    readers: [
      { kind: 'blocking', calls: 2, doomed: 1, signals: 1 },
      { kind: 'poll', calls: 2, doomed: 1 },
      { kind: 'epoll-et', calls: 2 },
    ],
    hardware: { [irq(1)]: 2, [irq(33)]: 1 },
    life: { 'is detached': 1 },
  },
  {
    name: 'wake-all',
    summary: 'four threads in read(2) on one context: all are woken, each event has one reader',
    door: 'core',
    readers: [
      { kind: 'blocking', calls: 2, killed: true },
      { kind: 'blocking', calls: 2, doomed: 1 },
      { kind: 'blocking', calls: 2 },
      { kind: 'blocking', calls: 1, signals: 1 },
    ],
    hardware: { [irq(1)]: 2, [irq(2)]: 1, 'raises a fault': 1 },
    life: { 'is detached': 1 },
  },
  {
    name: 'order',
    summary: 'every kind of event, their order, what coalesces, and copies that fail',
    door: 'core',
    driver: { form: 'fetch' },
    readers: [
      { kind: 'nonblocking', calls: 3, doomed: 1 },
      { kind: 'nonblocking', calls: 1, room: 4095 },
    ],
    hardware: { [irq(1)]: 2, [irq(33)]: 1, 'raises a fault': 2, 'raises an AFU error': 2 },
    posts: { 'posts an event': 1 },
  },
  {
    name: 'batch',
    summary: 'several whole events in one read, and a read of several whose copy fails',
    door: 'core',
    eventsPerRead: 3,
    driver: { form: 'poll' },
    readers: [
      { kind: 'nonblocking', calls: 2, doomed: 2 },
      { kind: 'blocking', calls: 2, doomed: 1 },
    ],
    hardware: { [irq(1)]: 1, 'raises an AFU error': 1, 'injects a driver event': 1 },
    posts: { 'posts an event': 2 },
    life: { 'gets new driver ops': 1 },
  },
  ...(['fetch', 'poll'] as const).map((form): Scenario => ({
    name: `driver-${form}`,
    summary: `a driver's events in the ${form} form, copies that fail, other ops in their place, detach`,
    door: 'core',
    driver: { form },
    readers: [
      { kind: 'blocking', calls: 2, doomed: 2 },
      { kind: 'poll', calls: 2, doomed: 1 },
    ],
    hardware: { [irq(1)]: 1 },
    posts: { 'posts an event': 2, 'asks to be asked again': 1 },
    life: { 'gets new driver ops': 1, 'gets driver ops of the other form': 1, 'is detached': 1 },
  })),
  ...(['fetch', 'poll'] as const).map((form): Scenario => ({
    name: `rogue-${form}`,
    summary: `a driver of the ${form} form that throws, returns junk, calls back, has nothing`,
    door: 'core',
    driver: { form, rogue: true },
    readers: [
      { kind: 'poll', calls: 2, doomed: 1 },
      { kind: 'blocking', calls: 2 },
    ],
    hardware: { [irq(1)]: 1 },
    posts: {
      'posts an event': 2,
      'goes wrong: throws': 1,
      'goes wrong: returns junk': 1,
      'goes wrong: calls back': 1,
      ...(form === 'fetch'
        ? { 'goes wrong: has nothing': 1 }
        : { 'goes wrong: fails to deliver': 1, 'goes wrong: delivers junk': 1 }),
    },
  })),
  {
    name: 'life',
    summary: 'START_WORK, detach, link loss, last close and open again under readers that sleep',
    door: 'core',
    started: false,
    driver: { form: 'fetch' },
    readers: [
      { kind: 'epoll-lt', calls: 1 },
      { kind: 'blocking', calls: 2, signals: 1 },
    ],
    hardware: { [irq(1)]: 1 },
    posts: { 'posts an event': 1 },
    life: { START_WORK: 2, GET_PROCESS_ELEMENT: 1, 'is detached': 1, 'has its last close': 1, 'is opened again': 1 },
    card: { 'loses its link': 1, 'gets its link back': 1 },
  },
  {
    name: 'modules',
    summary: 'two contexts of one driver, which is unloaded, reloaded and gives them other ops',
    door: 'core',
    contexts: 2,
    driver: { form: 'fetch' },
    readers: [
      { kind: 'nonblocking', calls: 2, doomed: 1 },
      { kind: 'nonblocking', calls: 1, slot: 1 },
    ],
    posts: { 'posts an event': 1 },
    life: { 'has its last close': 2, 'is opened again': 1, 'gets new driver ops': 1 },
    modules: ADMINISTRATION,
  },
  {
    name: 'as-the-kernel',
    summary: "copyFault: 'drop', where an event whose copy failed is lost",
    door: 'core',
    copyFault: 'drop',
    driver: { form: 'fetch' },
    readers: [
      { kind: 'blocking', calls: 3, doomed: 2 },
      { kind: 'poll', calls: 1, doomed: 1 },
    ],
    hardware: { [irq(1)]: 2, 'raises a fault': 1 },
    posts: { 'posts an event': 2 },
    life: { 'is detached': 1 },
  },
  ...(['fetch', 'poll'] as const).map((form): Scenario => ({
    name: `large-${form}`,
    summary: 'events that are too large for one reader and not for the other',
    door: 'core',
    eventsPerRead: 2,
    driver: { form },
    large: true,
    readers: [
      { kind: 'nonblocking', calls: 4, doomed: 2, room: 8192 },
      { kind: 'nonblocking', calls: 3 },
    ],
    hardware: { [irq(1)]: 1 },
    posts: { 'posts an event': 2, 'posts a large event': 2 },
    life: { 'is detached': 1 },
  })),
  {
    name: 'edge',
    summary: 'edge-triggered epoll that reads once for each report, beside level-triggered epoll',
    door: 'core',
    readers: [
      { kind: 'epoll-once', calls: 3, doomed: 1 },
      { kind: 'epoll-lt', calls: 3 },
    ],
    hardware: { [irq(1)]: 2, [irq(2)]: 1, 'raises a fault': 1, 'raises an AFU error': 2 },
    card: { 'loses its link': 1 },
  },
  {
    name: 'file',
    summary: 'the file in process: promises, aborted and not, and the last close under them',
    door: 'file',
    driver: { form: 'fetch' },
    readers: [
      { kind: 'blocking', calls: 2, signals: 1 },
      { kind: 'blocking', calls: 2 },
      { kind: 'poll', calls: 2 },
    ],
    hardware: { [irq(1)]: 2 },
    posts: { 'posts an event': 1 },
    life: { 'is detached': 1, 'has its last close': 1 },
  },
  {
    name: 'fuse-wake-up',
    summary: 'three ways to sleep on one device file, signals and kills at any time',
    door: 'fuse',
    readers: [
      { kind: 'blocking', calls: 2, signals: 1, killed: true },
      { kind: 'poll', calls: 2 },
      { kind: 'epoll-et', calls: 1 },
    ],
    hardware: { [irq(1)]: 2, [irq(2)]: 1 },
  },
  {
    name: 'fuse-wake-all',
    summary: 'three threads in read(2) on one device file, interrupted and killed',
    door: 'fuse',
    readers: [
      { kind: 'blocking', calls: 2, signals: 1, killed: true },
      { kind: 'blocking', calls: 2, doomed: 1, signals: 1 },
      { kind: 'blocking', calls: 1, killed: true },
    ],
    hardware: { [irq(1)]: 2, 'raises a fault': 1 },
    life: { 'is detached': 1 },
  },
  ...(['fetch', 'poll'] as const).map((form): Scenario => ({
    name: `fuse-copy-${form}`,
    summary: `answers that the kernel does not take, events of a driver in the ${form} form`,
    door: 'fuse',
    eventsPerRead: form === 'fetch' ? 1 : 2,
    driver: { form },
    readers: [
      { kind: 'blocking', calls: 2, doomed: 1, signals: 1 },
      { kind: 'poll', calls: 2, doomed: 1 },
    ],
    hardware: { [irq(1)]: 1 },
    posts: { 'posts an event': 2 },
    life: { 'is detached': 1, 'gets new driver ops': 1 },
  })),
  {
    name: 'fuse-edge',
    summary: 'edge-triggered epoll that reads once for each report, beside level-triggered epoll',
    door: 'fuse',
    readers: [
      { kind: 'epoll-once', calls: 2 },
      { kind: 'epoll-lt', calls: 2 },
      { kind: 'nonblocking', calls: 1 },
    ],
    hardware: { [irq(1)]: 2, [irq(2)]: 1 },
    card: { 'loses its link': 1 },
  },
  {
    name: 'fuse-life',
    summary: 'START_WORK, detach, link loss, last close, open again, and the end of the connection',
    door: 'fuse',
    started: false,
    driver: { form: 'fetch' },
    readers: [
      { kind: 'blocking', calls: 1, signals: 1 },
      { kind: 'epoll-lt', calls: 1 },
    ],
    hardware: { [irq(1)]: 1 },
    posts: { 'posts an event': 1 },
    life: {
      START_WORK: 1,
      GET_PROCESS_ELEMENT: 1,
      'is detached': 1,
      'has its last close': 1,
      'is opened again': 1,
      'is aborted': 1,
    },
    card: { 'loses its link': 1, 'gets its link back': 1 },
  },
];

/** The systems of a scenario. */
export function worldOf(setup: Setup): SystemMaker {
  return () => new World(setup);
}
