import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));

describe('examples', () => {
  it('flash-driver: its own npm test passes, in its own folder, as for a driver of another repository', async () => {
    const env: NodeJS.ProcessEnv = { ...process.env };
    // Otherwise its test runner believes to be ours, and reports nothing.
    delete env['NODE_TEST_CONTEXT'];
    const child = spawn('npm', ['test', '--silent'], {
      cwd: `${examples}flash-driver`,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text));
    const [status] = (await once(child, 'close')) as [number | null];
    assert.equal(status, 0, output);
    const ran = Number(/\bpass (\d+)/.exec(output)?.[1]);
    assert.ok(ran > 0, output);
    // A skipped test is not one that passed.
    if (process.env['CI']) assert.match(output, /\bskipped 0\b/);
  });
});
