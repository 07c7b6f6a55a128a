/* The examples of docs/running-programs.md that begin with `$`: each prints what stands there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { main, packageRoot, place } from '../support/cli.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';
import { start } from '../support/program.ts';

const text = readFileSync(join(packageRoot, 'docs/running-programs.md'), 'utf8');
const sessions = [...text.matchAll(/```console\n(.*?)```/gs)].map(([, session]) => session!);
const examples = sessions.flatMap(session => session.split(/^\$ /m).slice(1));

describe('docs/running-programs.md', { skip: any(noFuse(), noCompiler()), concurrency: 2 }, () => {
  it('has examples', () => assert.ok(examples.length > 3));

  for (const example of examples) {
    const end = example.indexOf('\n');
    const [command, expected] = [example.slice(0, end), example.slice(end + 1)];
    it(command, async t => {
      const where = await place(t);
      const script = `afukit() { '${process.execPath}' '${main}' "$@"; }\n${command}`;
      const { stdout, stderr } = await start(t, 'sh', ['-c', script], { cwd: where.project, env: where.env }).ended;
      assert.deepEqual(
        { stdout: stdout.replace(/\n+$/, '\n'), stderr },
        { stdout: expected.replace(/\n+$/, '\n'), stderr: '' },
      );
    });
  }
});
