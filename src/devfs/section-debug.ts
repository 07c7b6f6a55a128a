import { createHook } from 'node:async_hooks';

import type { SectionDebug } from '../core/index.ts';

/**
 * Finds promises, timers and anything else asynchronous that is begun inside an atomic section. Costs time everywhere
 * while it is enabled, so it is for debugging. C original: what CONFIG_DEBUG_ATOMIC_SLEEP does for sleeping.
 */
export function sectionDebug(): SectionDebug {
  /** Innermost last: a callback may read another context, whose driver's doings are not its own. */
  const sections: string[][] = [];
  createHook({
    init(_id, type) {
      sections.at(-1)?.push(type);
    },
  }).enable();
  return {
    enter: () => void sections.push([]),
    leave: () => sections.pop() ?? [],
  };
}
