/* Help, version, and command lines that are none. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { commands, usageOf } from '../../src/devfs/index.ts';
import { afukit, packageRoot, place, refused } from '../support/cli.ts';

const verbs = ['demo', 'serve', 'run', 'ls', 'inject', 'watch', 'check'];

describe('the command line', { concurrency: 2 }, () => {
  for (const asked of ['--help', 'help']) {
    it(`afukit ${asked} lists the verbs on stdout`, async t => {
      const { code, stdout, stderr } = await afukit(t, await place(t), [asked]).ended;
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      for (const verb of verbs) assert.match(stdout, new RegExp(`^  ${verb}  +\\S`, 'm'));
    });
  }

  it('afukit alone lists them on stderr, with status 2', async t => {
    const { code, stdout, stderr } = await afukit(t, await place(t), []).ended;
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    assert.match(stderr, /^Usage: afukit VERB/);
  });

  const options: Readonly<Record<string, readonly string[]>> = {
    demo: ['--json'],
    serve: ['--config', '--mount', '--json', '--trace'],
    run: ['--config', '--no-preload', '-- PROGRAM'],
    ls: ['--mount', 'AFUKIT_MOUNT', '--json'],
    inject: ['--mount', 'AFUKIT_MOUNT', ...new Set(commands.map(usageOf))],
    watch: ['--mount', 'AFUKIT_MOUNT', '--json'],
    check: ['--quick', '--scenario', '--depth', '--time', '--seed', '--replay', '--out', '--list', '--json'],
  };
  for (const verb of verbs) {
    it(`afukit ${verb} --help names all of its options`, async t => {
      const { code, stdout, stderr } = await afukit(t, await place(t), [verb, '--help']).ended;
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.match(stdout, new RegExp(`^Usage: afukit ${verb} `));
      for (const option of options[verb] ?? []) assert.ok(stdout.includes(option), option);
    });
  }

  it('afukit --version is the package’s', async t => {
    const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
    const { code, stdout } = await afukit(t, await place(t), ['--version']).ended;
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${version}\n` });
  });

  const mistakes: readonly [args: readonly string[], said: RegExp][] = [
    [['nonsense'], /"nonsense".*demo, serve, run, ls, inject, watch, check/],
    [['--nonsense'], /"--nonsense"/],
    [['serve', '--nonsense'], /--nonsense.*afukit serve --help/],
    [['serve', 'extra'], /extra/],
    [['serve', '--mount'], /--mount/],
    [['serve', '--json=yes'], /--json/],
    [['demo', '--mount', '/x'], /--mount/],
    [['run'], /which program/],
    [['run', '--'], /which program/],
    [['run', '--nonsense', '--', 'true'], /--nonsense/],
    [['ls', 'afu0.0'], /afu0\.0/],
    [['watch', '--nonsense'], /--nonsense/],
    [['inject', '--nonsense'], /--nonsense/],
  ];
  for (const [args, said] of mistakes) {
    it(`afukit ${args.join(' ')}: one line, status 2`, async t => {
      assert.match(await refused(afukit(t, await place(t), args)), said);
    });
  }
});
