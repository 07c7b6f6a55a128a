/* A process that serves with afukit/testing, has two programs that ignore SIGTERM, and ends as it is told. */
import { echo } from '../../src/afu/index.ts';
import { serveDevices } from '../../src/testing/index.ts';

const [, , ending] = process.argv;
const host = await serveDevices({ afus: [echo()] });
const script = 'trap "" TERM; exec 3<>"$0"; sleep 600 & echo $!; wait';
const program = await host.spawn('sh', ['-c', script, host.path()]);
const pids = [program.pid, Number(await program.line())];
process.stdout.write(`${JSON.stringify({ directory: host.directory, pids })}\n`);
process.stdin.once('data', () => {
  if (ending === 'exit') process.exit(3);
  if (ending === 'throw') throw new Error('nobody catches this');
  void host.close();
  process.stdin.destroy();
});
