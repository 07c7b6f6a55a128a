import { defineConfig } from 'afukit';

import { adder } from './model.ts';

export default defineConfig({
  adapters: [{ afus: [{ model: adder, modes: ['dedicated_process'] }] }],
});
