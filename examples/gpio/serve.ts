// Serves one line that changes its level every second: node serve.js MOUNTPOINT
import { directory, mount } from 'afukit/fuse';

import { GpioLine } from './gpio.ts';

const [path] = process.argv.slice(2);
if (path) {
  const line = new GpioLine();
  const mounted = await mount(path, directory({ gpio17: line.tree() }), { fsName: 'gpio', subtype: 'gpio' });
  const clock = setInterval(() => line.set(line.level === 0 ? 1 : 0), 1000);
  process.on('exit', () => mounted.unmountSync());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));
  void mounted.closed.then(() => clearInterval(clock));
  process.stdout.write(`serving ${mounted.directory}/gpio17, Ctrl-C ends\n`);
} else {
  process.stderr.write('usage: node serve.js MOUNTPOINT\n');
  process.exitCode = 2;
}
