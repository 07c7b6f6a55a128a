import { writeFileSync } from 'node:fs';

import { flashEvents } from '../src/events.ts';

// npm run header: writes the C structures of the events to the file that is named.
const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('usage: header FILE');
writeFileSync(file, flashEvents.cHeader('flash'));
