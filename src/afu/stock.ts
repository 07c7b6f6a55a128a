import { echo } from './echo.ts';
import type { AfuDefinition } from './model.ts';
import { ticker } from './ticker.ts';

/** The models that a configuration can name, each with its options. */
export const stockModels: { readonly ticker: typeof ticker; readonly echo: typeof echo } = { ticker, echo };
export type StockModelName = keyof typeof stockModels;

/** A stock model by name; undefined when there is none of that name. */
export function stockModel(name: string): ((options: object) => AfuDefinition) | undefined {
  return Object.hasOwn(stockModels, name) ? stockModels[name as StockModelName] : undefined;
}
