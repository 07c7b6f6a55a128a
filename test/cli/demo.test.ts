/* `afukit demo`, through a mounted device file and without one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { afukit, place } from '../support/cli.ts';
import { noFuse } from '../support/needs.ts';
import { start } from '../support/program.ts';
import { main } from '../support/cli.ts';

const kinds = ['afu-interrupt', 'data-storage', 'afu-error', 'afu-driver'];

interface Line {
  readonly device?: string | null;
  readonly reason?: string;
  readonly client?: number;
  readonly event?: { readonly type: string };
  readonly latencyUs?: number;
  readonly drained?: boolean;
  readonly end?: { readonly poll: string; readonly code: string };
  readonly ok?: boolean;
}

const parse = (stdout: string): Line[] =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Line);

describe('afukit demo', { skip: noFuse(), concurrency: 2 }, () => {
  it('shows all four kinds, the drain and the verdict, and ends with 0', async t => {
    const { code, stdout, stderr } = await afukit(t, await place(t), ['demo']).ended;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    for (const kind of kinds) assert.match(stdout, new RegExp(`-> ${kind} \\(.+\\) after \\d+ us`));
    assert.equal(stdout.match(/^ {2}drained: /gm)?.length, 3);
    assert.match(stdout, /read says EIO and poll POLLERR/);
    assert.match(
      stdout,
      /\ndemo: all four kinds of event arrived through \S+\/dev\/cxl\/afu0\.0s, median \d+ us[^\n]*\n$/,
    );
  });

  it('--json: the same, one object per line, from a process of its own', async t => {
    const { code, stdout } = await afukit(t, await place(t), ['demo', '--json']).ended;
    assert.equal(code, 0);
    const lines = parse(stdout);
    assert.match(lines[0]?.device ?? '', /\/dev\/cxl\/afu0\.0s$/);
    assert.ok(lines.some(({ client }) => client !== undefined));
    const shown = lines.filter(({ event, drained }) => event !== undefined && !drained);
    assert.deepEqual(new Set(shown.map(({ event }) => event!.type)), new Set(kinds));
    assert.ok(shown.every(({ latencyUs }) => latencyUs! > 0));
    const drained = lines.filter(line => line.drained).map(({ event }) => event!.type);
    assert.deepEqual(drained, ['afu-driver', 'afu-interrupt', 'afu-interrupt']);
    assert.deepEqual(lines.find(({ end }) => end !== undefined)?.end, { what: 'ended', poll: 'POLLERR', code: 'EIO' });
    assert.equal(lines.at(-1)?.ok, true);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} takes everything down`, async t => {
      const where = await place(t);
      const program = afukit(t, where, ['demo', '--json']);
      const [device, client] = (await program.lines(2)).map(line => JSON.parse(line) as Line);
      assert.ok(device?.device);
      const { code } = await program.kill(signal);
      // Unless it was quicker.
      assert.ok(code === 0 || code === 2 || code === 128 + (signal === 'SIGINT' ? 2 : 15), `status ${code}`);
      assert.throws(() => process.kill(client!.client!, 0), { code: 'ESRCH' });
    });
  }
});

describe('afukit demo without device files', () => {
  it('--json: says why, and shows the same in process', async t => {
    const where = await place(t);
    // Neither mount(8) nor fusermount3 can be found there.
    const program = start(t, process.execPath, [main, 'demo', '--json'], {
      env: { ...where.env, PATH: '/nonexistent' },
    });
    const { code, stdout } = await program.ended;
    assert.equal(code, 0);
    const lines = parse(stdout);
    assert.equal(lines[0]?.device, null);
    assert.match(lines[0]?.reason ?? '', /\bmissing|\/dev\/fuse/);
    assert.deepEqual(new Set(lines.flatMap(({ event }) => (event ? [event.type] : []))), new Set(kinds));
    assert.equal(lines.at(-1)?.ok, true);
  });
});
