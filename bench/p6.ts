import type { Bar, Measure, Row, Surroundings } from './measure.ts';
import { placements } from './paired.ts';
import { spreadOf } from './statistics.ts';

/** Half of the speed is twice the time. */
const bar: Bar = { of: 'ratio', bound: 'at most', value: 2 };
const KIB = 1024;

const sizes = [
  { title: '64 MiB', bytes: 64 * KIB * KIB, count: 9, barred: true },
  { title: '1 MiB', bytes: KIB * KIB, count: 200, barred: false },
  { title: '4 KiB', bytes: 4 * KIB, count: 2000, barred: false },
];

async function run({ programs, cpus, rounds, progress }: Surroundings): Promise<Row[]> {
  const time = async (args: readonly string[], cpu: number | undefined): Promise<number> =>
    ((await programs.runPeer('copy', args, cpu)) as { median_ns: number }).median_ns;
  const rows: Row[] = [];
  for (const placement of placements(cpus).filter(({ server, client }) => server === client)) {
    const own = sizes.map((): number[] => []);
    const c = sizes.map((): number[] => []);
    for (let round = 1; round <= rounds; round++) {
      progress(`p6, ${placement.title}: round ${round} of ${rounds}`);
      const served = await programs.serveCopier([], placement.server);
      try {
        for (const [index, { bytes, count }] of sizes.entries()) {
          const what = [String(bytes), String(count)];
          c[index]!.push(await time(['--peer', ...what], placement.client));
          own[index]!.push(await time([served.file, ...what], placement.client));
        }
      } finally {
        await served.device.stop();
      }
    }
    for (const [index, { title, barred }] of sizes.entries()) {
      rows.push({
        title: `${title}, ${placement.title}`,
        unit: 'ns',
        own: spreadOf(own[index]!),
        other: spreadOf(c[index]!),
        against: 'process_vm_readv and writev in C',
        bar: barred ? bar : undefined,
      });
    }
  }
  return rows;
}

export const p6: Measure = {
  name: 'p6',
  title: "memcpy in the program's memory",
  bar: 'at most 2 times the time of the same copy in C, that is at least 50 % of its speed, for 64 MiB',
  how: `The client (\`peers/copy.c\`) stores the address of a work element to the doorbell of the stock model \`memcpy\` and reads
the interrupt that says that it is done; that is one time. The model copies within the client's memory. The same program, asked
to be the peer, copies in its child's memory by one process_vm_readv and one process_vm_writev of the whole. Every page was
touched before; the median of 9 copies of 64 MiB, 200 of 1 MiB, 2000 of 4 KiB, after one that does not count. A fresh server
in each round, both by turns.`,
  needs: ['cc', 'fuse'],
  rounds: 5,
  run,
};
