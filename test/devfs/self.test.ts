/* The serving process as a user of its own files, by asynchronous calls alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { atEnd, temporaryDirectory } from '../support/cleanup.ts';
import { noFuse, notRoot } from '../support/needs.ts';
import { start } from '../support/program.ts';

describe('the serving process', { skip: noFuse() || notRoot() }, () => {
  it('may start programs and unmount while it has a served file open', async t => {
    const directory = await temporaryDirectory(t);
    const program = start(t, process.execPath, [
      fileURLToPath(new URL('../programs/self-holder.js', import.meta.url)),
      directory,
    ]);
    // A child that closes the descriptor at exec asks its own parent, which waits for exec: FLUSH cannot be killed, and
    // only the end of the connection frees them both.
    atEnd(t, () => spawnSync('umount', ['-i', '-c', '-f', '-l', '--', directory], { stdio: 'ignore' }));
    assert.equal(await program.line(3000), 'spawned');
    assert.equal(await program.line(), 'unmounted');
    assert.equal((await program.ended).code, 0);
  });
});
