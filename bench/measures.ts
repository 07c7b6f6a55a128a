import type { Measure } from './measure.ts';
import { p1 } from './p1.ts';
import { p2 } from './p2.ts';
import { p3 } from './p3.ts';
import { p4 } from './p4.ts';
import { p5 } from './p5.ts';
import { p6 } from './p6.ts';
import { p7 } from './p7.ts';

/** Every measure, in the order in which they run. A new one is a file beside these and an entry here. */
export const measures: readonly Measure[] = [p1, p2, p3, p4, p5, p6, p7];
