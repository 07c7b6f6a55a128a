/* `npm run storm` as a command: what it refuses, and that nothing is left when it is interrupted. */
import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { mountsBelow, temporaryDirectory } from '../support/cleanup.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';
import { start, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const main = fileURLToPath(new URL('../../storm/main.js', import.meta.url));
const run = (t: TestContext, args: readonly string[], env?: NodeJS.ProcessEnv): Program =>
  start(t, process.execPath, [main, ...args], env ? { env } : {});

const mistakes: readonly (readonly [string[], RegExp])[] = [
  [['--kinds', 'kill,hail'], /^storm: no kind "hail": kill, signal, .*mixed\n$/],
  [['--seed', 'x'], /^storm: --seed must be a whole number from 0, not x\n$/],
  [['--seconds', '-1'], /^storm: /],
  [['--minutes', '1', '--seconds', '1'], /^storm: --minutes or --seconds, not both\n$/],
  [['now'], /^storm: .*now/],
];

describe('npm run storm', { skip: any(noFuse(), noCompiler()) }, () => {
  for (const [args, said] of mistakes) {
    it(`refuses ${args.join(' ')}`, async t => {
      const { code, stdout, stderr } = await run(t, args).ended;
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
      assert.match(stderr, said);
    });
  }

  it('says as JSON what it counted', async t => {
    const { code, stdout, stderr } = await run(t, ['--json', '--kinds', 'fork', '--rounds', '1', '--seed', '7']).ended;
    assert.equal(code, 0, stderr);
    const { seed, kinds } = JSON.parse(stdout) as { seed: number; kinds: Record<string, Record<string, number>> };
    assert.equal(seed, 7);
    assert.equal(kinds['fork']!['rounds'], 1);
    assert.equal(kinds['fork']!['missed'], 0);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`leaves nothing behind after ${signal}`, async t => {
      const temporary = join(await temporaryDirectory(t), 'tmp');
      await mkdir(temporary);
      const program = run(t, ['--seconds', '60', '--kinds', 'mixed'], { ...process.env, TMPDIR: temporary });
      await until('it has begun', async () => {
        const [stage = ''] = await readdir(temporary);
        return (await readdir(join(temporary, stage))).some(name => name.startsWith('log-'));
      });
      const { code } = await program.kill(signal);
      assert.equal(code, signal === 'SIGINT' ? 130 : 143);
      assert.deepEqual(mountsBelow(temporary), []);
      assert.deepEqual(await readdir(temporary), []);
    });
  }
});
