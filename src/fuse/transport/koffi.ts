import { createRequire } from 'node:module';

import type Koffi from 'koffi';

/** koffi, loaded when it is first needed. @throws Error when it is not installed, or has no binary for this machine */
export function koffi(): typeof Koffi {
  return createRequire(import.meta.url)('koffi') as typeof Koffi;
}
