/* Done when: one C program under `afukit run` does everything that a program for an accelerator does. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { afukit, place } from '../support/cli.ts';
import { cProgram } from '../support/clients.ts';
import { any, noCompiler, noFuse, noPassthrough } from '../support/needs.ts';

describe('a whole session under afukit run', { skip: any(noFuse(), noPassthrough(), noCompiler()) }, () => {
  for (const [mode, view, minor] of [
    ['dedicated_process', 'd', 1],
    ['afu_directed', 's', 3],
  ] as const) {
    it(`${mode}: opens as libcxl does, maps, rings, is copied for, is interrupted, and sees its fault`, async t => {
      const where = await place(t);
      const config = `export default { adapters: [{ afus: [{ model: 'memcpy', modes: ['${mode}'] }] }] };`;
      await writeFile(join(where.project, 'afukit.config.mjs'), config);
      const { code, stdout, stderr } = await afukit(t, where, ['run', cProgram('session'), `/dev/cxl/afu0.0${view}`])
        .ended;
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.deepEqual(stdout.trimEnd().split('\n'), [
        `opened afu0.0${view}, 242:${minor}, card 0, AFU 0`,
        'interrupt 1',
        'copied, 1 completed',
        // DM, M and S: a store to where nothing is mapped.
        'fault at 0xdead0000, dsisr 0x4000000042000000',
        '1 completed',
      ]);
    });
  }
});
