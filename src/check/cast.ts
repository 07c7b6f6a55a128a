// Who takes part in a scenario.
import type { Actor } from './actors/actor.ts';
import { Administrator, Life } from './actors/life.ts';
import { Reader } from './actors/reader.ts';
import { Server } from './actors/server.ts';
import { Driver, Hardware } from './actors/source.ts';
import type { Kernel } from './doors/kernel.ts';
import type { World } from './world.ts';

/** Footprints: one bit for each context, then what they share. */
const MODULES = 1 << 8;
const QUEUE = 1 << 9;

/** The actors of a world's setup, readers first. */
export function cast(world: World, kernel: Kernel | undefined): Actor[] {
  const { setup, slots } = world;
  const shared = kernel ? QUEUE : 0;
  const all = (1 << slots.length) - 1;
  const several = slots.length > 1;
  const actors: Actor[] = setup.readers.map((spec, index) => {
    const slot = slots[spec.slot ?? 0]!;
    return new Reader(`reader ${'ABCDEFGH'[index]}`, slot, spec, (1 << slot.index) | shared);
  });
  for (const slot of slots) {
    const name = (what: string): string => (several ? `${what} ${slot.index}` : what);
    // Whatever is raised may answer a read that the kernel has a signal for.
    if (setup.hardware) actors.push(new Hardware(name('AFU'), slot, setup.hardware, (1 << slot.index) | shared));
    if (setup.posts) actors.push(new Driver(name('driver'), world, slot, setup.posts, (1 << slot.index) | shared));
    if (setup.life)
      actors.push(new Life(name('context'), world, slot, setup.life, (1 << slot.index) | MODULES | shared));
  }
  if (setup.card) actors.push(new Life('card', world, slots[0]!, setup.card, all | shared));
  if (setup.modules) actors.push(new Administrator(world, setup.modules, MODULES));
  if (kernel) actors.push(new Server(kernel, all | shared));
  return actors;
}
