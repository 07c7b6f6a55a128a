import { defineConfig } from 'afukit';

import { flashCard } from './src/card.ts';
import { INTERRUPTS } from './src/notices.ts';

export default defineConfig({
  adapters: [{ afus: [{ model: flashCard, irqsMin: INTERRUPTS, driver: './src/driver.ts' }] }],
});
