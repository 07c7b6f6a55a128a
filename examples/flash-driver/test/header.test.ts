import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';

import { flashEvents } from '../src/events.ts';
import { root } from './rig.ts';

it('client/flash_events.h is what the declaration makes (else: npm run header)', () => {
  assert.equal(readFileSync(join(root, 'client/flash_events.h'), 'utf8'), flashEvents.cHeader('flash'));
});
