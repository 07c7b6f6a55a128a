import { echo } from './echo.ts';
import { memcpy } from './memcpy.ts';
import type { AfuDefinition } from './model.ts';
import { nullModel } from './null.ts';
import { registerModel } from './register-model.ts';
import { ticker } from './ticker.ts';

/** The models that a configuration can name, each with its options. */
export const stockModels: {
  readonly ticker: typeof ticker;
  readonly echo: typeof echo;
  readonly memcpy: typeof memcpy;
  readonly null: typeof nullModel;
  readonly registers: typeof registerModel;
} = { ticker, echo, memcpy, null: nullModel, registers: registerModel };
export type StockModelName = keyof typeof stockModels;

/** A stock model by name; undefined when there is none of that name. */
export function stockModel(name: string): ((options: object) => AfuDefinition) | undefined {
  return Object.hasOwn(stockModels, name) ? stockModels[name as StockModelName] : undefined;
}
