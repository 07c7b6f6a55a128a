import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afuOptions, echo } from '../../src/afu/index.ts';
import { Adapter } from '../../src/core/index.ts';
import { openAfu } from '../../src/file/index.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

function used(): number {
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const COUNT = 10_000;
const KIB = 1024;

interface Use {
  /** Bytes of each file that is open. */
  readonly each: number;
  /** Bytes of each that remain when all are closed. */
  readonly rest: number;
}

function measure(start: boolean): Use {
  const definition = { ...echo(), numProcs: COUNT + 1, irqsMin: 0 };
  const adapter = new Adapter({ afus: [afuOptions(definition)] });
  const afu = adapter.afus[0]!;
  // The first pays for what all share.
  openAfu(afu);
  const before = used();
  const files = Array.from({ length: COUNT }, () => openAfu(afu));
  if (start) for (const file of files) file.startWork();
  const each = (used() - before) / COUNT;
  for (const file of files) file.close();
  files.length = 0;
  return { each, rest: (used() - before) / COUNT };
}

describe('P5: 10,000 open contexts', () => {
  for (const start of [false, true]) {
    it(`cost 4 KiB each at the most, files and driver queues included, ${start ? 'started' : 'not started'}; closed, next to nothing`, t => {
      // Other work of the runtime may fall between two measurements, so the best of three counts.
      const uses = [0, 1, 2].map(() => measure(start));
      const each = Math.min(...uses.map(use => use.each));
      const rest = Math.min(...uses.map(use => use.rest));
      t.diagnostic(`${Math.round(each)} bytes each, ${Math.round(rest)} when closed`);
      assert.ok(each > 200, `${each} bytes cannot be all`);
      assert.ok(each <= 4 * KIB, `${each} bytes each`);
      assert.ok(rest <= 100, `${rest} bytes of each remain`);
    });
  }
});
