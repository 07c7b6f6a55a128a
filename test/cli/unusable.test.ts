/* Machines on which nothing can be mounted: one line that says why and what to do, status 2. */
import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';

import { place, refused } from '../support/cli.ts';
import { afukitOn, type Machine } from '../support/machine.ts';
import { noFuse, notRoot } from '../support/needs.ts';

const cases: readonly [what: string, machine: Machine, said: RegExp][] = [
  ['root, no /dev/fuse', { fuse: 'absent' }, /there is no \/dev\/fuse: modprobe fuse/],
  ['a user, no /dev/fuse', { fuse: 'absent', user: true }, /there is no \/dev\/fuse.*modprobe fuse/],
  ['a user who may not open /dev/fuse', { fuse: 'forbidden', user: true }, /\/dev\/fuse.*chmod 0666 \/dev\/fuse/],
  ['root without CAP_SYS_ADMIN', { fuse: 'usable', withoutRights: true }, /CAP_SYS_ADMIN/],
  ['a user without fusermount3', { fuse: 'usable', user: true, noPrograms: true }, /fusermount3 is missing.*fuse3/],
  ['root without mount(8)', { fuse: 'usable', noPrograms: true }, /mount is missing/],
];

describe('machines without FUSE', { skip: noFuse() || notRoot(), concurrency: 2 }, () => {
  for (const [what, machine, said] of cases) {
    it(what, async t => {
      const where = await place(t);
      // The user has to reach the stage.
      await chmod(dirname(where.project), 0o755);
      const program = await afukitOn(t, where, machine, mountPoint => ['serve', '--json', '--mount', mountPoint]);
      assert.match(await refused(program), said);
    });
  }

  it('afukit run says the same, and starts nothing', async t => {
    const program = await afukitOn(t, await place(t), { fuse: 'absent' }, () => ['run', 'echo', 'started']);
    assert.match(await refused(program), /there is no \/dev\/fuse/);
  });

  it('afukit demo says why, and runs the same in process', async t => {
    const program = await afukitOn(t, await place(t), { fuse: 'absent' }, () => ['demo']);
    const { code, stdout, stderr } = await program.ended;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.match(
      stdout,
      /^no device files here: .*there is no \/dev\/fuse: modprobe fuse.*\nthe same inside this process:/,
    );
    assert.match(stdout, /\ndemo: all four kinds of event arrived inside this process[^\n]+\n$/);
  });
});
