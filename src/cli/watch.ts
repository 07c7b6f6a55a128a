import { open } from 'node:fs';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { pipeBinding } from '../fuse/transport/stream.ts';
import { codeOf, explained, isGone, servedMount } from './served-mount.ts';
import { EndSignals } from './serving.ts';
import { UserError, type Arguments } from './verb.ts';
import { LiveView } from './watch-live.ts';
import { lineOf, type Line } from './watch-lines.ts';

const FILE = 'debug/cxl/events';

/** `afukit watch`: until a signal, until nobody reads what it prints, or until the mount goes away. */
export async function watch({ values }: Arguments): Promise<number> {
  const mount = await servedMount(values['mount']);
  const signals = new EndSignals();
  const events = await openEvents(mount);
  process.stderr.write(`afukit: watching ${mount}; Ctrl-C ends it\n`);
  const json = values['json'] === true;
  const live = process.stdout.isTTY && !json ? new LiveView(process.stdout) : undefined;
  const show = (text: string): void => {
    if (json) process.stdout.write(`${text}\n`);
    else if (live) live.add(JSON.parse(text) as Line);
    else process.stdout.write(`${lineOf(JSON.parse(text) as Line)}\n`);
  };

  let failure: Error | undefined;
  let rest = '';
  events.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) show(line);
  });
  events.on('error', error => (failure = error));
  process.stdout.on('error', error => {
    if (events.destroyed) return;
    // Whoever read it has seen enough.
    if (codeOf(error) !== 'EPIPE') failure = error;
    events.destroy();
  });
  void signals.first.then(() => events.destroy());
  await new Promise<void>(resolve => void events.once('close', () => resolve()));
  live?.end();
  if (failure === undefined) return 0;
  if (!isGone(failure)) throw explained(failure, mount, FILE);
  process.stderr.write(`afukit: ${mount} is not served any more\n`);
  return 0;
}

/**
 * The events as a stream in the event loop: a read in libuv's pool could not be interrupted, and would hold up the end of
 * this process.
 */
async function openEvents(mount: string): Promise<Socket> {
  const path = join(mount, FILE);
  const binding = pipeBinding();
  if (!binding) throw new UserError(`this Node has no process.binding('pipe_wrap'); read ${path} with cat(1)`);
  const fd = await promisify(open)(path, 'r').catch((error: unknown) => {
    throw explained(error, mount, FILE);
  });
  const handle = new binding.Pipe(binding.constants.SOCKET);
  const status = handle.open(fd);
  if (status) throw new Error(`the pipe binding did not take ${path} (libuv error ${status})`);
  const options: SocketConstructorOpts & { handle: unknown } = { handle, readable: true, writable: false };
  return new Socket(options);
}
