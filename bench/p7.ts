import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Bar, Measure, Row, Surroundings } from './measure.ts';
import { runtimeDependencies, type Lock } from './package-facts.ts';
import { cli, root } from './programs.ts';
import { spreadOf } from './statistics.ts';

const NS_PER_MS = 1e6;
const atMostMs = (value: number): Bar => ({ of: 'own', bound: 'at most', value: value * NS_PER_MS });

async function run({ programs, rounds, progress }: Surroundings): Promise<Row[]> {
  const timed = async (args: readonly string[]): Promise<number> => {
    const began = performance.now();
    await programs.runNode(args);
    return (performance.now() - began) * NS_PER_MS;
  };
  const times = { node: [] as number[], help: [] as number[], serve: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    progress(`p7: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`);
    const node = await timed(['-e', '0']);
    const help = await timed([cli, '--help']);
    const device = await programs.serveCli();
    await device.stop();
    if (round === 0) continue;
    times.node.push(node);
    times.help.push(help);
    times.serve.push(device.readyMs * NS_PER_MS);
  }
  // Node itself is most of it, and its share is the machine's.
  const limit = 'Node alone takes what the row is compared with; a slow or busy machine shows in both.';
  const against = { unit: 'ns', other: spreadOf(times.node), against: '`node -e 0`' } as const;
  const packed = await programs.npm(['pack', '--dry-run', '--json', '--ignore-scripts', root]);
  const [{ size, unpackedSize }] = JSON.parse(packed) as [{ size: number; unpackedSize: number }];
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const direct = Object.keys(lock.packages['']?.dependencies ?? {}).length;
  const all = runtimeDependencies(lock, process.platform, process.arch).length;
  return [
    { ...against, title: '`afukit serve` until it is ready', own: spreadOf(times.serve), bar: atMostMs(150), limit },
    { ...against, title: '`afukit --help`', own: spreadOf(times.help), bar: atMostMs(60), limit },
    { title: 'package, packed', unit: 'bytes', own: spreadOf([size]) },
    { title: 'package, unpacked', unit: 'bytes', own: spreadOf([unpackedSize]) },
    { title: 'packages needed at run time, direct', unit: 'count', own: spreadOf([direct]) },
    { title: 'packages needed at run time, with theirs', unit: 'count', own: spreadOf([all]) },
  ];
}

export const p7: Measure = {
  name: 'p7',
  title: 'starting up, and what is installed',
  bar: '`afukit serve` ready within 150 ms, `afukit --help` done within 60 ms',
  how: `Wall time from spawning the process, on warm caches: \`serve\`, with its default cards, until it has printed where it
serves; \`--help\` and \`node -e 0\` until they have ended. By turns, after one round that does not count. Sizes are those of
\`npm pack\`; packages are counted in package-lock.json for this platform, without what is there for development.`,
  needs: ['fuse'],
  rounds: 15,
  run,
};
