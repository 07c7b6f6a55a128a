// The AFU's driver in a world: ours, with the real event queue, or somebody else's.
import type { AfuDriver, DriverModule, DriverOpsForm } from '../core/index.ts';
import { QueueFeed, RogueFeed, type Feed } from './feeds.ts';
import type { Slot } from './slot.ts';
import { UserFeed, type DriverFile } from './user-driver.ts';
import type { World } from './world.ts';

/** One driver, as a module's code; another one at each call. */
export function driverOf(world: World): AfuDriver {
  const { user } = world.setup;
  return user ? users(world, user()) : ours(world);
}

function ours(world: World): AfuDriver {
  let gone = false;
  return {
    name: 'driver',
    open: (context, module) => {
      if (gone) world.blame('C6', 'open was called after exit');
      const slot = world.opening!;
      world.modules.add(module);
      slot.module = module;
      world.begin(slot, context);
      slot.feed = feedOf(world, slot, module, world.setup.driver!.form);
    },
    release: context => {
      if (gone) world.blame('C6', 'release was called after exit');
      const slot = world.slots.find(each => each.context === context && each.open);
      if (slot) world.blame('C6', `release was called for ${context.name}, which is open`);
      for (const each of world.slots) if (each.context === context) each.feed?.end();
    },
    exit: () => {
      if (gone) world.blame('C6', 'exit was called twice');
      gone = true;
    },
  };
}

/** Registers a driver's ops on a context. @throws CxlError as setDriverOps does */
export function feedOf({ setup }: World, slot: Slot, owner: DriverModule, form: DriverOpsForm): Feed {
  const { context, oracle, blame } = slot;
  if (setup.driver!.rogue) return new RogueFeed(context, owner, form, oracle!, blame);
  return new QueueFeed(context, owner, form, setup.large === true, oracle!, blame);
}

function users(world: World, file: DriverFile): AfuDriver {
  const { driver, check } = file;
  return {
    ...driver,
    open: (context, module) => {
      const slot = world.opening!;
      world.modules.add(module);
      slot.module = module;
      world.begin(slot, context, check?.serial?.bind(check));
      driver.open?.(context, module);
      slot.feed = new UserFeed(slot, file);
    },
    release: context => driver.release?.(context),
    exit: () => driver.exit?.(),
  };
}
