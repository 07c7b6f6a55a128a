// The kinds of storm: what is done between the events.

/** What may happen in a step, besides events. */
export type ActionName = 'nothing' | 'kill' | 'signal' | 'flip' | 'stop' | 'spawn';

export interface Kind {
  readonly name: string;
  readonly title: string;
  /** How often each is chosen, relative to the others. */
  readonly actions: Partial<Readonly<Record<ActionName, number>>>;
  /** Each reader has one of these sets of flags: letters of storm/client.c. */
  readonly flags: readonly string[];
  /** Ways to read; default: all. */
  readonly modes?: readonly string[];
  /** The server is killed at the end of each round. */
  readonly crashes?: boolean;
}

export const modes: readonly string[] = ['read', 'nonblock', 'poll', 'select', 'epoll', 'epollet', 'flip', 'dup'];

export const kinds: readonly Kind[] = [
  {
    name: 'kill',
    title: 'readers are killed with SIGKILL at any moment, and others take their place',
    actions: { nothing: 1, kill: 4, spawn: 1 },
    flags: ['', 'p'],
  },
  {
    name: 'signal',
    title: 'readers get signals, with and without SA_RESTART, from timers and from outside',
    actions: { nothing: 1, signal: 5 },
    flags: ['', 'a', 'a'],
  },
  {
    name: 'fcntl',
    title: 'O_NONBLOCK comes and goes while readers sleep and poll',
    actions: { nothing: 1, flip: 4 },
    flags: ['', 'p'],
    modes: ['read', 'nonblock', 'flip', 'flip', 'epollet', 'poll'],
  },
  {
    name: 'fork',
    title: 'readers fork, share descriptors, pass them by SCM_RIGHTS, and some leave early',
    actions: { nothing: 2, spawn: 1 },
    flags: ['f', 'fp'],
  },
  {
    name: 'close',
    title: "another thread closes the readers' descriptors, also while they sleep in read",
    actions: { nothing: 1, signal: 1 },
    flags: ['c', 'cp'],
  },
  {
    name: 'stop',
    title: 'the server is stopped and continued, while readers are signalled and killed',
    actions: { nothing: 2, stop: 3, signal: 1, flip: 1, kill: 1 },
    flags: ['', 'a'],
  },
  {
    name: 'crash',
    title: 'the server is killed; its readers end, and the next server clears its mount away',
    actions: { nothing: 2, signal: 1, flip: 1 },
    flags: ['', 'a', 'c'],
    crashes: true,
  },
  {
    name: 'mixed',
    title: 'all of these at once, but the last',
    actions: { nothing: 2, kill: 3, signal: 3, flip: 2, stop: 1, spawn: 2 },
    flags: ['', 'f', 'a', 'c', 'p', 'fcp', 'afcp'],
  },
];
